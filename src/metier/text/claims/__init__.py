"""What a text claims that can be looked up in its source: numbers, names, quotations."""

from metier.text.claims.support import CHECKS, Claim, claims_of, unsupported_claims

__all__ = ["CHECKS", "Claim", "claims_of", "unsupported_claims"]
