"""Times one task of one peer in this process; prints {"seconds": [...]}.

    python peers.py TASK CASE_DIR REPEAT        TASK: see TASKS below
"""
import json
import sys
import time
from pathlib import Path

import numpy as np


def pydicom_ct(case):
    import pydicom

    slices = [pydicom.dcmread(p) for p in (case / "ct").iterdir()]
    slices.sort(key=lambda s: float(s.ImagePositionPatient[2]))
    volume = np.empty((len(slices), slices[0].Rows, slices[0].Columns), np.int16)
    for k, s in enumerate(slices):
        volume[k] = s.pixel_array.astype(np.int32) * int(s.RescaleSlope) + int(s.RescaleIntercept)
    return volume


def simpleitk_ct(case):
    import SimpleITK as sitk

    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(case / "ct"))
    return sitk.GetArrayFromImage(sitk.ReadImage(names, sitk.sitkInt16))


def pydicom_points(case):
    import pydicom

    ds = pydicom.dcmread(case / "structures.dcm")
    return [
        [np.array(c.ContourData, float).reshape(-1, 3) for c in r.ContourSequence] for r in ds.ROIContourSequence
    ]


def rt_utils_masks(case):
    from rt_utils import RTStructBuilder

    rt = RTStructBuilder.create_from(str(case / "ct"), str(case / "structures.dcm"))
    return [rt.get_roi_mask_by_name(name) for name in rt.get_roi_names()]


TASKS = {f.__name__: f for f in (pydicom_ct, simpleitk_ct, pydicom_points, rt_utils_masks)}


def main():
    task, case, repeat = TASKS[sys.argv[1]], Path(sys.argv[2]), int(sys.argv[3])
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        result = task(case)
        seconds.append(time.perf_counter() - start)
        del result
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
