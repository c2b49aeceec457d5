"""A kind of contract for the import linter: what is pure imports what is listed, and nothing else.

A list of what is forbidden forgets something; and there is always one more module that knows the time.
"""

from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class PureContract(Contract):
    """`modules` import each themselves and what is in `allowed` (packages with all that is in them), directly."""

    type_name = "pure"

    modules = fields.ListField(subfield=fields.StringField())
    allowed = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Look at every import of every module."""
        settings: Any = self
        faults = [
            f"{module} imports {imported} (line {detail['line_number']})"
            for package in settings.modules
            for module in sorted({package} | graph.find_descendants(package))
            for imported in sorted(graph.find_modules_directly_imported_by(module))
            if not any(f"{imported}.".startswith(f"{name}.") for name in (package, *settings.allowed))
            for detail in graph.get_import_details(importer=module, imported=imported)
        ]
        return ContractCheck(kept=not faults, metadata={"faults": faults})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Name each import that isn't allowed."""
        for fault in check.metadata["faults"]:
            output.print_error(fault)
