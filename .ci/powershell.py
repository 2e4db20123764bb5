"""Parses files of PowerShell, and fails if one is not PowerShell: python powershell.py FILE...

The grammar is tree-sitter's; no PowerShell is needed. It knows the language, not its commands."""

import sys

from tree_sitter import Language, Parser
import tree_sitter_pwsh

parser = Parser(Language(tree_sitter_pwsh.language()))


def broken(node):
    """The first node that is an error, or that the parser had to add."""
    if node.is_error or node.is_missing:
        return node
    return next((found for found in map(broken, node.children) if found), None)


faults = 0
for name in sys.argv[1:]:
    with open(name, "rb") as file:
        node = broken(parser.parse(file.read()).root_node)
    if node:
        faults += 1
        print(f"{name}:{node.start_point[0] + 1}: this is not PowerShell")
print(f"{len(sys.argv) - 1} pieces of PowerShell, {faults} of them broken")
sys.exit(faults > 0 or len(sys.argv) == 1)
