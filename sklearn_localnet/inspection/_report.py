"""What an audit of locality found, as a table."""

from typing import NamedTuple


class Finding(NamedTuple):
    """Whether the updates of one kind of synapse depend on one quantity, and whether they may."""

    synapse: str
    quantity: str
    depends: bool
    may: bool


class LocalityReport(NamedTuple):
    """What `audit_locality` found.

    Attributes
    ----------
    findings : tuple of (synapse, quantity, depends, may)
        One for each kind of synapse, or current, and each quantity.
    """

    findings: tuple

    @property
    def violations(self):
        """Findings of what depends on what it may not see."""
        return [finding for finding in self.findings if finding.depends and not finding.may]

    def __str__(self):
        rows = [("synapse or current", "quantity", "depends", "may")]
        rows += [
            (*row[:2], *("yes" if flag else "no" for flag in row[2:])) for row in self.findings
        ]
        widths = [max(len(row[column]) for row in rows) + 2 for column in (0, 1)]
        lines = [f"{a:{widths[0]}}{b:{widths[1]}}{c:9}{d}" for a, b, c, d in rows]
        violations = [f"{row.synapse} on {row.quantity}" for row in self.violations]
        return "\n".join([*lines, f"violations: {', '.join(violations) or 'none'}"])

    def __repr__(self):
        return str(self)
