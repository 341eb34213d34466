"""data/rival_labels.yaml: what each tool calls our languages."""

from functools import cache

import yaml

from fusion.config.paths import DATA_DIR

FILE = DATA_DIR / "rival_labels.yaml"


@cache
def language_of() -> dict[str, dict[str, str]]:
    """Return by tool the language that each of its labels stands for; a label that is not there stands for none."""
    by_tool = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {
        tool: {label: language for language, labels in languages.items() for label in labels}
        for tool, languages in by_tool.items()
    }
