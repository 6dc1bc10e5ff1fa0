"""Imports go down the list of layers only, and each outside library is imported in its one place."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "feedmill"

# From the bottom up; a module may import from its own layer and from those before it. A package is one entry.
LAYERS = (
    ("codes", "errors", "iso_3166", "iso_4217", "iso_639", "json_values", "python_values"),
    (
        "schema",
        "declaration",
        "declared_kinds",
        "descriptor",
        "dialect",
        "json_schema",
        "keys",
        "patterns",
        "records",
        "rules",
        "transforms",
    ),
    ("_core",),
    ("kernel",),
    (
        "report",
        "report_page",
        "stores",
        "readers",
        "pool",
        "crew",
        "ordering",
        "watchdog",
        "stacks",
        "channel",
        "counters",
    ),
    ("pipeline",),
    ("failed", "runs", "run_options", "reading", "inference", "evidence"),
    ("products",),
    ("options", "console"),
    ("services",),
    ("cli", "__init__"),
    ("__main__",),
)
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}

# Who may import what is not feedmill's and not Python's: by module, or by the start of its name.
OUTSIDERS = {
    "psycopg": ("stores.postgres", "products.postgres"),
    "psycopg_pool": ("stores.postgres", "products.postgres"),
    "click": ("cli", "services", "options", "console"),
    "rich": ("console",),
    "kombu": ("products.broker",),
    "fastjsonschema": ("json_schema",),
    "pyarrow": ("stores.arrow", "readers.arrow"),
}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in sorted(SOURCE.rglob("*.py"))}


def imports_of(path: Path) -> Iterator[str]:
    """List what a module imports, wherever in it; but not what it imports for type checkers alone."""
    tree = ast.parse(path.read_text("utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: write imports in full"
            yield from (f"{node.module}.{each.name}" for each in node.names)


def within(name: str) -> str | None:
    """Name the entry of LAYERS that an import of feedmill's belongs to."""
    package, _, rest = name.partition(".")
    return (rest.split(".")[0] or "__init__") if package == "feedmill" else None


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    own = module.split(".", maxsplit=1)[0]
    assert own in LAYER, f"{own} has no layer: add it to LAYERS, where docs/architecture.md has it"
    for name in imports_of(MODULES[module]):
        if (other := within(name)) is not None:
            assert LAYER[other] <= LAYER[own], f"{module} imports {name}, which stands above it"


@pytest.mark.parametrize("module", MODULES)
def test_other_libraries_are_imported_in_their_place(module: str) -> None:
    for name in imports_of(MODULES[module]):
        library = name.split(".")[0]
        if library in OUTSIDERS:
            assert module.startswith(OUTSIDERS[library]), f"{module} imports {library}"


def test_only_the_kernel_module_imports_the_extension() -> None:
    importers = {
        module
        for module, path in MODULES.items()
        if any(within(name) == "_core" for name in imports_of(path))
    }
    assert importers == {"kernel"}


def test_nothing_else_is_imported() -> None:
    import sys

    allowed = set(sys.stdlib_module_names) | OUTSIDERS.keys() | {"feedmill"}
    strangers = {
        name.split(".")[0]
        for path in MODULES.values()
        for name in imports_of(path)
        if name.split(".")[0] not in allowed
    }
    assert not strangers
