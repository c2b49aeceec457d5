"""Which mapping a key's records go by: the one that names its source, else the one for all."""

from services.ingest.core.mapping import Mapping
from services.ingest.core.senders import Sender
from services.ingest.files import Mappings
from shared.documents.in_force import InForce


class Understanding:
    """The mappings in force, looked up by source. Asks nobody: what was put is followed beside the requests."""

    def __init__(self, in_force: InForce[Mappings]) -> None:
        self._in_force = in_force
        self._read: tuple[object, object] = (None, None)
        self._by_source: dict[str, Mapping] = {}

    def of(self, sender: Sender) -> Mapping:
        """The one for this sender, with the version of its document."""
        mappings, versions = self._in_force.now, self._in_force.versions
        if self._read[0] is not mappings or self._read[1] is not versions:
            self._by_source = mappings.understood(versions)
            self._read = mappings, versions
        return self._by_source.get(sender.source) or self._by_source[""]
