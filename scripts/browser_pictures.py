"""Make a folder of pictures of code as a browser shows it, with what stands in each: what bench_ocr.py reads.

Texts come from the test side of a corpus (the reader is worked on with --split val, and judged on test), colours from
highlight.js, Shiki, Prism and CodeMirror, the browser is a headless Chromium (apt-get install chromium, or CHROMIUM
names one) that Node drives. --install fetches the packages of npm, once, into the folder browser/ of the cache. A
highlighter that is not there is left out, and named.

  python scripts/browser_pictures.py --install
  python scripts/browser_pictures.py --data core --count 200 --out pictures/page
  python scripts/browser_pictures.py --data core --count 40 --kind editor --seed 1 --out pictures/editor
  python scripts/browser_pictures.py --run RUN --out pictures/release      # of texts that this run was not trained on

Kinds: page (code and nothing else), editor (a whole editor window; the code pane counts), ligatures, proportional
(fonts of proportional width), unseen (fonts that fusion's pictures are never set in), jpeg (quality 40, half of them at
70 % of their size), photo (perspective, moire, blur and noise imitated), blog (articles and slides; the code blocks
count). DIR/truth.json lists file, text, label, group, boxes of the code in pixels, and how the picture was made.
"""

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from PIL import Image

import browser_wear
from browser_looks import KINDS, PROPORTIONAL, THEMES, UNSEEN, draw_look, npm_faces
from browser_surroundings import editor_chrome, editor_marks, prose_around
from browser_texts import Text, cut, has_ligatures, in_turn, names_of, rows_by_label
from fusion import console
from fusion.config.data import load_data_options
from fusion.config.errors import UserError
from fusion.config.paths import cache_dir, usable
from fusion.config.render import DEFAULT_FONT
from fusion.config.schema import load_config
from fusion.files import replacing, write_text
from fusion.languages import OTHER
from fusion.results.record import read_run
from fusion.screenshots import fonts
from fusion.snippets import sources

log = logging.getLogger("browser_pictures")
DRIVER = Path(__file__).resolve().parent / "browser_pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PACKAGES = {  # what drives the browser, each highlighter, fonts
    "driver": ("playwright-core@1.65.1",),
    "highlight.js": ("highlight.js@11.12.0",),
    "shiki": ("shiki@4.6.0",),
    "prism": ("prismjs@1.30.0", "prism-themes@1.9.0"),
    "codemirror": (
        "@codemirror/view@6.43.15", "@codemirror/state@6.7.6", "@codemirror/language@6.13.1",
        "@codemirror/language-data@6.5.2", "@codemirror/theme-one-dark@6.1.3", "thememirror@2.0.1",
    ),
    "fonts": tuple(f"@fontsource/{name}@5.3" for name in (*PROPORTIONAL, *UNSEEN)),
}  # fmt: skip
INSTALL = "python scripts/browser_pictures.py --install"
WEAR = {"jpeg": browser_wear.jpeg, "photo": browser_wear.photo}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true", help="fetch the packages of npm, and end")
    parser.add_argument("--data", choices=["small", "core", "standard"], default="core", help="default: core")
    parser.add_argument("--run", type=Path, metavar="RUN", help="take the data that this run was trained on instead")
    parser.add_argument(
        "--split", choices=["test", "val"], default="test", help="whose projects' texts (default: test)"
    )
    parser.add_argument("--kind", choices=KINDS, default="page", help="default: page")
    parser.add_argument("--count", type=int, default=200, help="pictures (default: 200)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, metavar="DIR", help="a folder that is new or empty")
    args = parser.parse_args(argv)
    console.set_up_logging()
    if args.install:
        install()
        return 0
    if args.out is None:
        parser.error("--out DIR is needed, the folder for the pictures")
    if args.out.is_dir() and any(args.out.iterdir()):
        raise UserError(f"--out={args.out} is not empty; name a folder that is new.")
    here = highlighters()
    data = load_config(read_run(args.run)["config"]).data if args.run else load_data_options(args.data)
    table = sources.load(data, cache_dir(), console.progress)
    table = table.filter(pc.field("label") != OTHER)  # no highlighter colours what is no code
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        rows = rows_by_label(table, args.split, [args.seed, KINDS.index(args.kind)])
        jobs = plan(in_turn(rows), args, here, Path(work))
        truths = [truth for truth in shoot(jobs, args, Path(work)) if truth][: args.count]
    facts = {"data": args.data, "split": args.split, "kind": args.kind, "seed": args.seed, "pictures": truths}
    write_text(args.out / "truth.json", json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
    log.info("%d pictures of %d labels", len(truths), len({truth["label"] for truth in truths}))
    print(args.out / "truth.json")
    return 0


def modules() -> Path:
    """Return where the packages of npm lie."""
    return cache_dir() / "browser" / "node_modules"


def install() -> None:
    """Fetch all packages with npm."""
    folder = usable(cache_dir()) / "browser"
    folder.mkdir(exist_ok=True)
    if shutil.which("npm") is None:
        raise UserError("npm is not installed; it comes with Node.js, such as apt-get install nodejs npm.")
    names = [name for group in PACKAGES.values() for name in group]
    subprocess.run(["npm", "install", "--no-save", "--prefix", str(folder), *names], check=True, stdout=sys.stderr)
    log.info("%d packages lie in %s", len(names), folder)


def highlighters() -> list[str]:
    """Return those that are installed; log the others. Raises UserError where nothing can be shown."""

    def lacks(group: str) -> list[str]:
        return [name for name in PACKAGES[group] if not (modules() / name.rsplit("@", 1)[0] / "package.json").is_file()]

    if shutil.which("node") is None:
        raise UserError("node is not installed; apt-get install nodejs npm brings it.")
    if missing := lacks("driver"):
        raise UserError(f"The npm package {missing[0]} is not installed; {INSTALL} fetches it.")
    here = [name for name in THEMES if not lacks(name)]
    for name in THEMES:
        if name not in here:
            log.warning("%s is left out, for the npm package %s is not installed; %s", name, lacks(name)[0], INSTALL)
    if not here:
        raise UserError(f"No highlighter is installed; {INSTALL} fetches four.")
    return here


def browser() -> str:
    """Return the path of a Chromium. Raises UserError if there is none."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise UserError("No Chromium is installed; apt-get install chromium brings one, or set CHROMIUM to its path.")
    return found


def plan(rows: Iterator[dict[str, Any]], args: argparse.Namespace, here: list[str], work: Path) -> list[dict[str, Any]]:
    """Return the jobs: looks with texts and font files, a few more than asked for, since some may be left out."""
    faces, jobs = FontFiles(work), list[dict[str, Any]]()
    while len(jobs) < args.count + args.count // 20 + 2:
        rng = np.random.default_rng([args.seed, len(jobs), KINDS.index(args.kind)])
        job = draw_look(rng, args.kind, len(jobs), here)
        job["texts"] = _texts(rows, job, 1 if job["layout"] != "blog" else int(rng.integers(1, 4)))
        if not job["texts"]:
            log.warning("the %s side has no more texts that fit: %d pictures", args.split, len(jobs))
            break
        job["codes"] = [text.truth if job["kind"] == "proportional" else text.code for text in job["texts"]]
        job["languages"] = names_of(job["texts"][0].label)
        job["file"] = str(work / f"{len(jobs):04}.png")
        if job["layout"] == "editor":
            job["chrome"], job["marks"] = editor_chrome(rng), editor_marks(rng, job["tab"])
        elif job["layout"] != "page":
            job["prose"] = prose_around(rng, len(job["texts"]), job["layout"])
        jobs.append(job | faces.of(job))
    return jobs


def _texts(rows: Iterator[dict[str, Any]], job: dict[str, Any], count: int) -> list[Text]:
    """Return as many texts that fit, all of the label and the project of the first; fewer where it has no more."""
    for row in rows:
        first = cut(row, job["lines"], job["columns"], job["tab"])
        if first and (not job["ligatures"] or has_ligatures(first)):
            return [first, *_more(row, first, job, count - 1)]
    return []


def _more(row: dict[str, Any], first: Text, job: dict[str, Any], count: int) -> list[Text]:
    """Return further pieces of the same snippet, below the first."""
    found, lines = list[Text](), row["text"].split("\n")
    start = job["lines"]
    while len(found) < count and start < len(lines):
        piece = cut(row | {"text": "\n".join(lines[start:])}, job["lines"], job["columns"], job["tab"])
        if piece:
            found.append(piece)
        start += job["lines"]
    return found


class FontFiles:
    """Names of fonts -> files in one folder, from which the pages are served."""

    def __init__(self, folder: Path):
        self.folder = folder / "fonts"
        self.folder.mkdir()
        self._served: dict[str, dict[str, Any]] = {}

    def of(self, job: dict[str, Any]) -> dict[str, Any]:
        """Return the fonts of a job: of its code, with the one that has every character behind it, and of its prose."""
        names = [job["font"], DEFAULT_FONT]
        prose = [job["prose_font"]] if job["layout"] != "page" else []
        face = fonts.load(DEFAULT_FONT) if job["font"] not in fonts.names() else fonts.load(job["font"])
        pitch = face.at(0, 1000).getlength("M") / 1000 * job["size"]
        return {
            "fonts": [self._serve(name) for name in dict.fromkeys(names)], "pitch": pitch,
            "prose_fonts": [self._serve(name) for name in prose if self._is_here(name)],
        }  # fmt: skip

    def _is_here(self, name: str) -> bool:
        return name in fonts.names() or npm_faces(modules(), name)[0].is_file()

    def _serve(self, name: str) -> dict[str, Any]:
        if name not in self._served:
            if not self._is_here(name):
                raise UserError(f"The font {name} is not installed; {INSTALL} fetches it.")
            listed = name in fonts.names()
            faces = fonts.load(name).faces if listed else tuple(p.read_bytes() for p in npm_faces(modules(), name))
            files = [f"{name}-{i}.font" for i in range(len(faces))]
            for file, face in zip(files, faces, strict=True):
                (self.folder / file).write_bytes(face)
            self._served[name] = {"family": name, "files": files}
        return self._served[name]


def shoot(jobs: list[dict[str, Any]], args: argparse.Namespace, work: Path) -> Iterator[dict[str, Any] | None]:
    """Yield what stands in each picture once it lies in its folder; None for one that does not show its text."""
    driver = modules().parent / "driver"
    shutil.copytree(DRIVER, driver, dirs_exist_ok=True)  # beside the packages, where Node looks for them
    sent = [{key: value for key, value in job.items() if key != "texts"} for job in jobs]
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    orders = {"chromium": browser(), "arguments": sandbox, "fonts": str(work / "fonts"), "jobs": sent}
    (work / "plan.json").write_text(json.dumps(orders), encoding="utf-8")
    command = ["node", str(driver / "shoot.mjs"), str(work / "plan.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        assert process.stdout is not None
        for answer in console.progress(process.stdout, f"{args.kind} pictures", len(jobs)):
            shown = json.loads(answer)
            yield keep(jobs[shown["number"]], shown, args)
    if process.returncode:
        raise UserError(f"The browser ended with exit code {process.returncode}; what it said stands above.")


def keep(job: dict[str, Any], shown: dict[str, Any], args: argparse.Namespace) -> dict[str, Any] | None:
    """Put a picture into its folder, and return its line of truth.json; None if it shows other lines than asked for."""
    wrong = shown.get("error") or _difference(job, shown)
    if wrong:
        log.warning("picture %d (%s, %s) is left out: %s", job["number"], job["highlighter"], job["theme"], wrong)
        return None
    boxes = [[value * job["scale"] for value in box] for box in shown["boxes"]]
    worn: dict[str, Any] = {}
    name = Path(job["file"]).name
    if args.kind in WEAR:
        image = Image.open(job["file"]).convert("RGB")
        image, boxes, worn = WEAR[args.kind](image, boxes, np.random.default_rng([args.seed, job["number"], 1]))
        name = name.replace(".png", ".jpg")
        with replacing(args.out / name) as part:
            image.save(part, "JPEG", quality=worn["quality"])
    else:
        shutil.move(job["file"], args.out / name)
    return truth(job, shown, name) | {"boxes": [[round(x, 1) for x in box] for box in boxes]} | worn


def _difference(job: dict[str, Any], shown: dict[str, Any]) -> str:
    """Return '' where the page shows the lines of the job in its fonts, else what is wrong."""
    if lost := set(shown["fonts"]) & {font["family"] for font in job["fonts"]}:
        return f"the font {sorted(lost)[0]} was not loaded"
    asked = [code.split("\n") for code in job["codes"]]
    return "" if shown["lines"] == asked else "the page shows other lines"


def truth(job: dict[str, Any], shown: dict[str, Any], name: str) -> dict[str, Any]:
    """Return what stands in a picture and how it was made; texts of several code blocks have a blank line between."""
    first = job["texts"][0]
    channels = [int(float(value)) for value in shown["ground"].split("(")[1].split(")")[0].split(",")[:3]]
    return {
        "file": name, "text": "\n\n".join(text.truth for text in job["texts"]), "blocks": len(job["texts"]),
        "label": first.label, "group": first.group, "id": first.id, "kind": job["kind"], "layout": job["layout"],
        "highlighter": job["highlighter"], "coloured_as": shown["language"], "theme": job["theme"],
        "dark": sum(channels) < 384, "font": job["font"], "font_size": job["size"], "scale": job["scale"],
        "line_height": job["line_height"], "line_numbers": job["line_numbers"],
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(console.run(main))
