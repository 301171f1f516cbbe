"""A watch as its settings say: store, sources, bundles and judges, opened together and closed together."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from metier.errors import CallError
from metier.monitoring.alerts import StoredAlerts
from metier.monitoring.answering import Answerer
from metier.monitoring.companies import Companies
from metier.monitoring.intake import Intake
from metier.monitoring.judge import build_judges
from metier.monitoring.model_changes import follow_versions
from metier.monitoring.sources import build_source
from metier.monitoring.store.watch_store import WatchStore
from metier.monitoring.watch_settings import WatchSettings
from metier.monitoring.watching import Observer, Watch
from metier.progress import Listener, ignore
from metier.registry.database import shown_url

PERIOD = "period"  # In the state of a store.


@contextmanager
def opened_watch(
    settings: WatchSettings,
    *,
    observers: Sequence[Observer] = (),
    registry: CollectorRegistry | None = None,
    listener: Listener = ignore,
) -> Iterator[Watch]:
    """Give a watch that holds its store; where another version of a bundle answers, the store is made to follow first.

    Parameters
    ----------
    registry : CollectorRegistry or None
        Where metrics of the deliveries are shown.

    Raises
    ------
    CallError
        If a bundle or a file is missing, a bundle answers something else than texts, or the store counts by another
        period.
    InUseError
        If another process watches with this store.
    WatchStoreError
        If the store cannot be used.
    """
    companies = None if settings.companies is None else Companies.read(settings.companies)
    answerer = Answerer.loaded(settings.bundles, threads=settings.threads, companies=companies)
    with ExitStack() as closes:
        store = WatchStore(settings.store)
        closes.callback(store.close)
        closes.enter_context(store.watching())
        if store.state(PERIOD) is None:
            store.set_state(PERIOD, settings.period)
        _check_period(store, settings)
        follow_versions(store, settings, answerer, listener=listener)
        sources = [build_source(one) for one in settings.sources]
        intake = Intake(store, settings, answerer)
        watch = Watch(
            settings,
            store,
            sources,
            intake,
            judges=build_judges(settings),
            alerts=StoredAlerts(settings.alerts, registry) if settings.alerts.receivers else None,
            observers=observers,
        )
        closes.callback(watch.close)
        yield watch


def existing_store(settings: WatchSettings) -> WatchStore:
    """Give a store that is there; raises `CallError` where the watch has never run."""
    where = settings.store
    if "://" not in where and not Path(where).is_file():
        raise CallError(f"There is no store {where} yet. Begin one with: metier watch run SETTINGS")
    store = WatchStore(where, may_be_new=False)
    try:
        _check_period(store, settings)
    except BaseException:
        store.close()
        raise
    return store


def _check_period(store: WatchStore, settings: WatchSettings) -> None:
    """Raise `CallError` where a store counts by another period than the settings say: its numbers would mean others."""
    known = store.state(PERIOD)
    if known not in (None, settings.period):
        raise CallError(
            f"The store {shown_url(settings.store)} counts by the {known}, and the settings say period: "
            f"{settings.period}. Say period: {known}, or name another store. Nothing was changed."
        )
