"""What the catalogue says of extras is what an installation without them shows."""

import json
import subprocess
import sys

from metier import catalogue

# Every method is imported where the packages of the extras cannot be.
BLOCKED = """
import json, sys
from metier import catalogue
from metier.errors import MissingExtraError

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name in catalogue.EXTRAS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
found = {}
for name in catalogue.METHODS:
    try:
        catalogue.resolve(name)
        found[name] = False
    except MissingExtraError:
        found[name] = True
print(json.dumps(found))
"""


def test_exactly_the_methods_that_say_so_need_an_extra():
    done = subprocess.run([sys.executable, "-c", BLOCKED], capture_output=True, text=True, check=True)
    needs = json.loads(done.stdout)
    # A search imports what it needs when it fits.
    assert {name for name in needs if catalogue.extra_of(name)} == {
        *(name for name, is_missing in needs.items() if is_missing),
        catalogue.SEARCH,
    }
    assert catalogue.extra_of("tfidf_linear") is None
