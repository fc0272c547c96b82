"""Times Hilum and its peers on one case, turn by turn in one run, and prints the ratios as a Markdown table.

    python compare.py HILUM CASE_DIR WORK_DIR

CASE_DIR comes from make_case.py. Compressed copies are made in WORK_DIR with dcmtk and gdcm. Every figure is the best
of its rounds in a warm file cache; a ratio below 1 says that Hilum is faster. Peers run inside a Python process (their
imports are not counted), plastimatch as a program.
"""
import json
import shutil
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
ROUNDS = 3


def hilum(program, name, case):
    command = [program, "bench", name, str(case), "--repeat", str(ROUNDS), "--json", "--quiet"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return report["p50_ms"] / 1e3, report["peak_mb"]


def peer(task, case):
    command = [sys.executable, str(HERE / "peers.py"), task, str(case), str(ROUNDS)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        print(f"{task} failed: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return min(json.loads(done.stdout)["seconds"])


def plastimatch(case, work):
    out = work / "plastimatch"
    best = None
    for _ in range(2):
        shutil.rmtree(out, ignore_errors=True)
        command = ["plastimatch", "convert", "--input", str(case / "structures.dcm"), "--referenced-ct", str(case / "ct"),
                   "--xor-contours", "--output-prefix", str(out), "--prefix-format", "nrrd"]
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        best = seconds if best is None else min(best, seconds)
    return best


COMPRESSIONS = {
    "JPEG lossless (.70)": ["dcmcjpeg", "+e1"],
    "RLE": ["dcmcrle"],
    "JPEG-LS": ["gdcmconv", "--jpegls"],
    "JPEG 2000": ["gdcmconv", "--j2k"],
}


def compressed(case, work, name):
    out = work / name.replace(" ", "_").replace("(", "").replace(")", "")
    if not out.exists():
        (out / "ct").mkdir(parents=True)
        for source in sorted((case / "ct").iterdir()):
            subprocess.run([*COMPRESSIONS[name], str(source), str(out / "ct" / source.name)], check=True, capture_output=True)
    return out


def row(task, ours, peers, target):
    known = {k: v for k, v in peers.items() if v is not None}
    best = min(known, key=known.get) if known else None
    cells = ", ".join(f"{k} {v:.2f} s" for k, v in known.items()) or "none could run"
    ratio = f"{ours / known[best]:.3f}" if best else "–"
    print(f"| {task} | {ours:.3f} s | {cells} | {ratio} | {target} |", flush=True)


def main():
    program, case, work = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    work.mkdir(parents=True, exist_ok=True)
    print("| task | Hilum (median) | peers (best) | ratio to the best peer | wanted |")
    print("| --- | --- | --- | --- | --- |")
    ct, _ = hilum(program, "ct", case / "ct")
    row("CT series to HU, uncompressed", ct, {t: peer(t, case) for t in ("pydicom_ct", "simpleitk_ct")}, "0.5")
    for name in COMPRESSIONS:
        copy = compressed(case, work, name)
        try:
            ours, _ = hilum(program, "ct", copy / "ct")
        except subprocess.CalledProcessError as error:
            print(f"| CT series to HU, {name} | refused: {error.stderr.strip()} | | – | |", flush=True)
            continue
        wanted = "1" if name == "JPEG 2000" else "0.6"
        row(f"CT series to HU, {name}", ours, {t: peer(t, copy) for t in ("pydicom_ct", "simpleitk_ct")}, wanted)
    parse, _ = hilum(program, "parse", case)
    row("634 496 points parsed", parse, {"pydicom_points": peer("pydicom_points", case)}, "0.05")
    masks, _ = hilum(program, "masks", case)
    # Both peers read the CT and the structure set on the way, so Hilum's parts are added up.
    exact = {"plastimatch": plastimatch(case, work)}
    row("22 ROIs from disk to masks", ct + parse + masks, exact, "0.05")
    row("the same, inexact peer", ct + parse + masks, {"rt_utils_masks": peer("rt_utils_masks", case)}, "")
    whole, peak = hilum(program, "load", case)
    print(f"| case opened, airway and features found | {whole:.3f} s | – | – | |")
    ours, _ = hilum(program, "export", case)
    print(f"| structure set written, read back and proved | {ours:.3f} s | – | – | at most 0.5 s |")
    volume = 250 * 512 * 512 * 2 / 2**20
    print(f"\nLargest memory while opening the case: {peak:.0f} MB (volume {volume:.0f} MB, wanted at most {2 * volume + 200:.0f} MB).")
    packages = ("pydicom", "SimpleITK", "pylibjpeg", "rt-utils", "numpy")
    print("Peers: " + ", ".join(f"{p} {version(p)}" for p in packages) + ", plastimatch, dcmtk and gdcm of the system.")


if __name__ == "__main__":
    main()
