"""Take a picture of sections of a report (fusion compare --format html), as README shows one.

  python scripts/report_picture.py report.html docs/images/report.png
  python scripts/report_picture.py report.html dark.png --sections accuracy trust --scheme dark --width 360

The browser is a headless Chromium (apt-get install chromium, or CHROMIUM names one) that playwright drives, which the
extra `test` brings.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import sync_playwright

from browser_pictures import browser
from fusion import console
from fusion.config.errors import UserError
from fusion.files import replacing

HIDE = "(kept) => document.querySelectorAll('section').forEach(s => { if (!kept.includes(s.id)) s.remove(); })"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--sections", nargs="+", default=["table-1", "accuracy"], help="default: table-1 accuracy")
    parser.add_argument("--scheme", choices=["light", "dark"], default="light", help="default: light")
    parser.add_argument("--width", type=int, default=1280, help="pixels (default: 1280)")
    args = parser.parse_args(argv)
    if not args.report.is_file():
        raise UserError(f"{args.report} is no file; make it with fusion compare --format html --out {args.report}.")
    with sync_playwright() as playwright, replacing(args.picture) as part:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        chromium = playwright.chromium.launch(executable_path=browser(), args=options)
        page = chromium.new_page(viewport={"width": args.width, "height": 800}, color_scheme=args.scheme)
        page.goto(args.report.resolve().as_uri())
        page.evaluate(HIDE, args.sections)
        page.screenshot(path=part, full_page=True, type="png")
        chromium.close()
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
