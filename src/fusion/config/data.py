"""conf/data: where snippets come from."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from fusion.config.groups import read_group
from fusion.config.options import STRICT, parse, show

Count = Annotated[int, Field(ge=1)]


def _listed(value: Any) -> Any:
    """Take one word for a list of it."""
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Registry = Literal["pypi", "npm", "deb", "debsrc"]
REGISTRIES: tuple[Registry, ...] = ("pypi", "npm", "deb", "debsrc")
A_LIST: dict[str, Any] = {"words": "a list of words, such as '[one,two]'"}
A_COLUMN: dict[str, Any] = {"words": "the name of a column; write one of digits in quotes, as \"data.text_column='5'\""}


@dataclass(frozen=True, config=STRICT, kw_only=True)
class _Data:
    """What every source has."""

    limit: Count | None = Field(default=None, description="snippets, every label thinned alike; null takes all")
    seed: int = Field(default=0, ge=0, le=2**32 - 1, description="of the split")
    held_out: Words | None = Field(
        default=None, description="sources that are the test side as a whole, such as [pypi]", json_schema_extra=A_LIST
    )


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Packages(_Data):
    """data=small, core and standard: code out of pinned packages."""

    kind: Literal["packages"] = "packages"
    set: Literal["small", "core", "standard"] = Field(description="how many packages")
    registries: Annotated[tuple[Registry, ...], BeforeValidator(_listed), Field(min_length=1)] = Field(
        default=("pypi", "npm"), description="add deb and debsrc where apt is, or FUSION_DEBIAN_MIRROR names a mirror",
        json_schema_extra={"words": f"a list of some of {', '.join(REGISTRIES)}"},
    )  # fmt: skip
    languages: Words | None = Field(
        default=None, description="null: all of the set; or a list such as [Python, C]", json_schema_extra=A_LIST
    )
    merge: dict[str, str] = Field(
        default_factory=lambda: {"JSX": "JavaScript", "TSX": "TypeScript"},
        description="dialects that count as their language",
        json_schema_extra={"words": "given as what counts as what, such as '{JSX: JavaScript}' or '{}'"},
    )
    doubtful: Literal["keep", "leave_out"] = Field(
        default="keep", description="windows that do not show their language: comments, templates, C in a .cpp file"
    )
    per_package: Count = Field(default=400, description="most snippets of one package and language")
    per_label: Count | None = Field(default=None, description="most snippets of one language, evenly over its projects")
    other: Annotated[int, Field(ge=0)] = Field(
        default=0, description="most snippets of the label Other: prose, data, noise, other languages; 0: none"
    )
    other_languages: Words | None = Field(
        default=None,
        description="languages that count as Other instead of as themselves, each on one side of the split",
        json_schema_extra=A_LIST,
    )
    workers: Count | None = Field(default=None, description="processes that cut snippets; null: one a core")


def _path(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(f"path={value} must be one path; write a name of digits as ./{value}.")
    return value


Path = Annotated[str, BeforeValidator(_path)]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Folder(_Data):
    """data=folder: DIR/<label>/<file>, or DIR/<label>/<project>/<file>."""

    kind: Literal["folder"] = "folder"
    path: Path | None = Field(description="the folder", json_schema_extra={"words": "one path"})


def _delimiter(value: Any) -> Any:
    """Take the two characters \\t for a tab, which no shell lets through easily."""
    value = "\t" if value == "\\t" else value
    if value is None or (isinstance(value, str) and len(value) == 1 and value not in '"\r\n'):
        return value
    raise ValueError(f"delimiter={show(value)} must be one character, such as \"data.delimiter=';'\", or null.")


Column = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Rows(_Data):
    """data=csv, jsonl, parquet and hub: one snippet a row."""

    kind: Literal["csv", "jsonl", "parquet", "hub"]
    path: Path | None = Field(description="the file, folder or data set", json_schema_extra={"words": "one path"})
    name: str | None = Field(default=None, description="of a configuration, if a data set of the hub has several")
    delimiter: Annotated[str | None, BeforeValidator(_delimiter)] = Field(
        default=None, description="of a CSV file; null: a comma, or a tab if the name ends in .tsv"
    )
    text_column: Column = Field(default="text", description="holds the code", json_schema_extra=A_COLUMN)
    label_column: Column = Field(default="label", description="holds the label", json_schema_extra=A_COLUMN)
    group_column: str | None = Field(
        default=None, description="rows of one group stay on one side of the split", json_schema_extra=A_COLUMN
    )
    split_column: str | None = Field(
        default=None,
        description="train, val or test; null: split by group, every label alike",
        json_schema_extra=A_COLUMN,
    )
    image_column: str | None = Field(
        default=None,
        description="your own screenshot of the row, a path from the file's folder",
        json_schema_extra=A_COLUMN,
    )
    streaming: bool = Field(
        default=False, description="read the rows as they come and copy none; needs the extra [data]"
    )
    scan: Count | None = Field(
        default=100_000,
        description="rows of a stream that give its labels, vocabulary, validation and test; null reads all",
    )


Data = Annotated[Packages | Folder | Rows, Field(discriminator="kind")]
DataOptions = Packages | Folder | Rows


def load_data_options(name: str, /, **changes: Any) -> DataOptions:
    """Return conf/data/NAME.yaml, some values changed, each checked."""
    options: DataOptions = parse(Data, read_group("data", name) | changes, "data")
    return options
