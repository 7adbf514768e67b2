"""Rates pages of the site with Lighthouse, as a phone on a slow line opens them."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from authoring import course, site
from benchmarks.explorers import find_browser
from benchmarks.site import ROOT, served
from benchmarks.table import print_table, verdict

LIGHTHOUSE = "lighthouse@12.8.2"  # the last that runs with Node.js 20
RUNS = 3
PAGES = ("index", "lessons/01_padding", "reference")
GOALS = {"performance": 95, "accessibility": 100, "best-practices": 95, "seo": 95}


def _build(target: Path, address: str) -> None:
    """Builds the site as it is published: links for search engines need the whole address."""
    with patch.dict(os.environ, MASKLENS_SITE_URL=address):
        faults = site.build(ROOT, target, site.repository(ROOT, os.environ))
    assert not faults, "\n".join(map(str, faults))


def _installed(npm: str, folder: Path) -> Path | None:
    """Lighthouse's program, installed into a folder, if npm can fetch it."""
    command = [npm, "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit"]
    done = subprocess.run([*command, "--no-fund", LIGHTHOUSE], capture_output=True, check=False)
    return folder / "node_modules" / ".bin" / "lighthouse" if done.returncode == 0 else None


def _rate(lighthouse: Path, browser: str, page: str) -> dict[str, Any]:
    """Lighthouse's report on a page."""
    command = [str(lighthouse), page, "--output=json", "--quiet", "--no-enable-error-reporting"]
    # Browsers that run as root, as in containers, have no sandbox.
    command += ["--chrome-flags=--headless=new --no-sandbox"]
    command += [f"--only-categories={','.join(GOALS)}"]
    environment = {**os.environ, "CHROME_PATH": browser}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"Lighthouse cannot rate {page}:\n{done.stderr}")
    return dict(json.loads(done.stdout))


def _low(report: dict[str, Any]) -> list[str]:
    """What costs points in the categories whose goal is missed."""
    audits = report["audits"]
    return [
        f"{name}: {audits[part['id']]['title']}"
        for name, goal in GOALS.items()
        if 100 * report["categories"][name]["score"] < goal
        for part in report["categories"][name]["auditRefs"]
        if part["weight"] and (audits[part["id"]]["score"] or 0) < 0.9
    ]


def measure_lighthouse() -> bool:
    browser, npm = find_browser(), shutil.which("npm")
    if browser is None or npm is None:
        print("\nLeft out: Lighthouse (it takes Chromium and npm; apt install chromium npm).")
        return True
    rows, lows, all_met = [], dict[str, None](), True
    with tempfile.TemporaryDirectory() as folder:
        print(f"Lighthouse: install {LIGHTHOUSE}, build the site", file=sys.stderr)
        lighthouse = _installed(npm, Path(folder, "npm"))
        if lighthouse is None:
            print(f"\nLeft out: Lighthouse (npm does not install {LIGHTHOUSE}).")
            return True
        target = Path(folder, "site")
        with served(target) as address:
            _build(target, address)
            for name in (f"{language}/{page}" for language in course.codes(ROOT) for page in PAGES):
                print(f"Lighthouse: {name}, {RUNS} times", file=sys.stderr)
                page = f"{address}/{name}.html"
                reports = [_rate(lighthouse, browser, page) for _ in range(RUNS)]
                scores = [
                    median(
                        round(100 * report["categories"][category]["score"]) for report in reports
                    )
                    for category in GOALS
                ]
                met = all(score >= goal for score, goal in zip(scores, GOALS.values(), strict=True))
                all_met &= met
                lows |= dict.fromkeys(
                    f"{name}: {low}" for report in reports for low in _low(report)
                )
                size = reports[0]["audits"]["total-byte-weight"]["numericValue"]
                rows.append([name, *map(str, scores), f"{size:,.0f}", verdict(met)])
    print_table(
        f"Lighthouse {LIGHTHOUSE.split('@')[1]}, mobile, the site gzipped (median of {RUNS} runs)",
        ["", *GOALS, "bytes", "verdict"],
        [["goal", *map(str, GOALS.values()), "", ""], *rows],
    )
    print("".join(f"\n{low}" for low in lows), end="\n" if lows else "")
    return all_met
