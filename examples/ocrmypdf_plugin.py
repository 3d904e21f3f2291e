"""visionocr as the OCR engine of OCRmyPDF (17 or newer), without Tesseract.

ocrmypdf --plugin examples/ocrmypdf_plugin.py scan.pdf searchable.pdf

Each page is read by a visionocr of its own, with the settings of its config file and environment. Turning and
straightening pages by OCRmyPDF (--rotate-pages, --deskew) needs Tesseract; visionocr turns pages for its own reading.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Set
from pathlib import Path
from types import SimpleNamespace

import pluggy
from ocrmypdf import hookimpl
from ocrmypdf.exceptions import SubprocessOutputError
from ocrmypdf.pluginspec import OcrEngine, OcrOptions, OrientationConfidence

import visionocr


@hookimpl
def initialize(plugin_manager: pluggy.PluginManager) -> None:
    """Take the place of Tesseract, so that it need not be installed. Its options stay: OCRmyPDF reads them."""
    name = "ocrmypdf.builtin_plugins.tesseract_ocr"
    tesseract = plugin_manager.unregister(name=name)
    options = SimpleNamespace(register_options=tesseract.register_options, add_options=tesseract.add_options)
    plugin_manager.register(options, name=name)


@hookimpl
def get_ocr_engine() -> OcrEngine:
    """The engine for every page."""
    return VisionOcr()


class VisionOcr(OcrEngine):
    """Asks visionocr for the words of a page and their places."""

    @staticmethod
    def version() -> str:
        """Of visionocr."""
        return visionocr.__version__

    @staticmethod
    def creator_tag(options: OcrOptions) -> str:
        """What the PDF says of its making."""
        return f"visionocr {visionocr.__version__}"

    def __str__(self) -> str:
        """Its name in messages."""
        return self.creator_tag(OcrOptions)

    @staticmethod
    def languages(options: OcrOptions) -> Set[str]:
        """All that are asked for: the model decides what it can read."""
        return set(options.languages)

    @staticmethod
    def get_orientation(input_file: Path, options: OcrOptions) -> OrientationConfidence:
        """Unknown."""
        return OrientationConfidence(angle=0, confidence=0.0)

    @staticmethod
    def generate_hocr(input_file: Path, output_hocr: Path, output_text: Path, options: OcrOptions) -> None:
        """Read one page. A page that could not be read stops OCRmyPDF, so that none is without text unnoticed."""
        with tempfile.TemporaryDirectory() as name:
            command = [sys.executable, "-m", "visionocr", "image", input_file, "-f", "hocr,txt", "-o", f"{name}/", "-q"]
            if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
                raise SubprocessOutputError(f"visionocr could not read {input_file.name}")
            shutil.copyfile(Path(name, f"{input_file.stem}.hocr"), output_hocr)
            shutil.copyfile(Path(name, f"{input_file.stem}.txt"), output_text)

    @staticmethod
    def generate_pdf(input_file: Path, output_pdf: Path, output_text: Path, options: OcrOptions) -> None:
        """Not needed: OCRmyPDF makes the layer from the hOCR."""
        raise NotImplementedError
