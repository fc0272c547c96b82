"""Makes the case on which Hilum and its peers are timed: 250 slices of 512 x 512 (12 bit, noise), shuffled file
names, and a structure set of 22 ROIs, 1 427 contours and 634 496 points, one of them with a hole.

    python make_case.py OUT_DIR
"""
import math
import random
import sys
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

SLICES, SIDE, SPACING, STEP = 250, 512, 0.9765625, 2.0
ROOT = "2.25.1534740"
CT_CLASS, RT_CLASS = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.481.3"
STATIONS = "01_R 01_L 02_R 02_L 03_A 03_P 04_R 04_L 05 06 07 08 10_R 10_L 11_R 11_L".split()


def base(sop_class, instance, modality, syntax):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.file_meta.MediaStorageSOPInstanceUID = UID(instance)
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = sop_class, UID(instance), modality
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "Bench^Phantom", "BENCH", "", "O"
    ds.StudyInstanceUID, ds.FrameOfReferenceUID = ROOT + ".1", ROOT + ".2"
    ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber = "20260101", "120000", "1", ""
    ds.ReferringPhysicianName, ds.Manufacturer, ds.PositionReferenceIndicator = "", "bench", ""
    return ds


def instance(k):
    return f"{ROOT}.3.{k + 1}"


def write_ct(folder):
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    names = list(range(SLICES))
    random.Random(1).shuffle(names)
    folder.mkdir(parents=True)
    for k in range(SLICES):
        hu = np.full((SIDE, SIDE), -1000.0)
        hu[((x - 256) / 200.0) ** 2 + ((y - 256) / 150.0) ** 2 <= 1] = 40
        for cx in (160, 352):
            hu[((x - cx) / 70.0) ** 2 + ((y - 250) / 100.0) ** 2 <= 1] = -800
        stored = np.clip(hu + rng.normal(0, 12, hu.shape) + 1024, 0, 4095).astype(np.uint16)
        ds = base(CT_CLASS, instance(k), "CT", ExplicitVRLittleEndian)
        ds.SeriesInstanceUID, ds.InstanceNumber, ds.PatientPosition = ROOT + ".4", k + 1, "HFS"
        ds.ImagePositionPatient = [-250.0, -250.0, -300.0 + STEP * k]
        ds.ImageOrientationPatient, ds.PixelSpacing, ds.SliceThickness = [1, 0, 0, 0, 1, 0], [SPACING] * 2, STEP
        ds.Rows = ds.Columns = SIDE
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
        ds.RescaleIntercept, ds.RescaleSlope = -1024, 1
        ds.ImageType, ds.KVP, ds.AcquisitionNumber = ["ORIGINAL", "PRIMARY", "AXIAL"], 120, 1
        ds.PixelData = stored.tobytes()
        ds["PixelData"].VR = "OW"
        ds.save_as(folder / f"{names[k]:04d}.dcm", enforce_file_format=True)


def circle(cx, cy, r, n, z, phase):
    points = []
    for m in range(n):
        a = 2 * math.pi * m / n + phase
        wobble = r * (1 + 0.03 * math.sin(7 * a))
        points += [f"{cx + wobble * math.cos(a):.4f}", f"{cy + 0.8 * wobble * math.sin(a):.4f}", f"{z:.4f}"]
    return points


def rois():
    """(name, type, [(slice, center x, center y, radius, points)])"""
    yield "Body", "EXTERNAL", [(k, 0, 0, 190, 900) for k in range(250)]
    yield "Lung_R", "ORGAN", [(k, -94, -6, 65, 700) for k in range(30, 210)]
    yield "Lung_L", "ORGAN", [(k, 94, -6, 65, 700) for k in range(30, 210)]
    yield "Heart", "ORGAN", [(k, 20, -30, 45, 500) for k in range(40, 140)]
    yield "SpinalCord", "ORGAN", [(k, 0, 70, 9, 120) for k in range(20, 220)]
    yield "CTV", "CTV", [(k, 30, 0, r, 300) for k in range(90, 130) for r in (30, 12)]
    made = 0
    for s, station in enumerate(STATIONS):
        rings = []
        for k in range(28 if s < 5 else 27):
            rings.append((60 + 6 * s + k, -60 + 8 * s, -20 + 3 * s, 12, 137 if made < 64 else 136))
            made += 1
        yield f"LN_IASLC_{station}", "ORGAN", rings


def write_structures(path):
    ds = base(RT_CLASS, ROOT + ".5", "RTSTRUCT", ImplicitVRLittleEndian)
    ds.SeriesInstanceUID, ds.SeriesNumber, ds.OperatorsName, ds.InstanceNumber = ROOT + ".6", 1, "", 1
    ds.StructureSetLabel, ds.StructureSetDate, ds.StructureSetTime = "BENCH", "20260101", "120000"
    ds.ApprovalStatus = "UNAPPROVED"

    def reference(k):
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CT_CLASS, instance(k)
        return item

    series = Dataset()
    series.SeriesInstanceUID, series.ContourImageSequence = ROOT + ".4", [reference(k) for k in range(SLICES)]
    study = Dataset()
    study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID = "1.2.840.10008.3.1.2.3.1", ROOT + ".1"
    study.RTReferencedSeriesSequence = [series]
    frame = Dataset()
    frame.FrameOfReferenceUID, frame.RTReferencedStudySequence = ROOT + ".2", [study]
    ds.ReferencedFrameOfReferenceSequence = [frame]
    names, contours, observations = [], [], []
    count = points = 0
    for number, (name, kind, rings) in enumerate(rois(), 1):
        roi = Dataset()
        roi.ROINumber, roi.ReferencedFrameOfReferenceUID, roi.ROIName = number, ROOT + ".2", name
        roi.ROIGenerationAlgorithm = "MANUAL"
        names.append(roi)
        item = Dataset()
        item.ROIDisplayColor = [(37 * number) % 256, (91 * number) % 256, (173 * number) % 256]
        item.ReferencedROINumber, items = number, []
        for k, cx, cy, r, n in rings:
            contour = Dataset()
            contour.ContourImageSequence, contour.ContourGeometricType = [reference(k)], "CLOSED_PLANAR"
            contour.NumberOfContourPoints = n
            contour.ContourData = circle(cx, cy, r, n, -300.0 + STEP * k, 0.001 * k)
            items.append(contour)
            count, points = count + 1, points + n
        item.ContourSequence = items
        contours.append(item)
        seen = Dataset()
        seen.ObservationNumber, seen.ReferencedROINumber = number, number
        seen.RTROIInterpretedType, seen.ROIInterpreter = kind, ""
        observations.append(seen)
    ds.StructureSetROISequence, ds.ROIContourSequence, ds.RTROIObservationsSequence = names, contours, observations
    ds.save_as(path, enforce_file_format=True)
    assert (len(names), count, points) == (22, 1427, 634496), (len(names), count, points)


def main():
    out = Path(sys.argv[1])
    write_ct(out / "ct")
    write_structures(out / "structures.dcm")
    print(f"{SLICES} slices, 22 ROIs, 1427 contours, 634496 points in {out}")


if __name__ == "__main__":
    main()
