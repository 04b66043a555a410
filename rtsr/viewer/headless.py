"""Renders off screen, for tests and servers: the same layout, numbers and painter, no window, no event loop."""

import logging

from PyQt6.QtGui import QFontDatabase, QGuiApplication, QImage, QPainter
from PyQt6.QtWidgets import QApplication

from rtsr.compose import compose
from rtsr.config import View as Options
from rtsr.errors import ResourceError
from rtsr.frame import Frame
from rtsr.jobs.energy import open_sensors
from rtsr.jobs.govern import upscaling
from rtsr.pipeline import Pipeline
from rtsr.power.panel import Panel
from rtsr.sinks.beside import beside_of
from rtsr.sources.reading import Reading
from rtsr.sources.wishes import live_of
from rtsr.stages import Sink, Source, Upscaler
from rtsr.upscalers import open_upscaler
from rtsr.upscalers.governor import GovernedUpscaler
from rtsr.viewer.canvas import paint_scene
from rtsr.viewer.geometry import View
from rtsr.viewer.painter_qt import SwscalePainter
from rtsr.viewer.picture import Picture
from rtsr.viewer.scene import Scene
from rtsr.viewer.stats import Stats

log = logging.getLogger(__name__)


def qt_application(*arguments: str) -> QApplication:
    """The one application object of this process."""
    here = QApplication.instance()
    return here if isinstance(here, QApplication) else QApplication(["rtsr", *arguments])


def save_image(image: QImage, path: str) -> None:
    """Write a PNG.

    Raises:
        ResourceError: it cannot be written.
    """
    if not image.save(path, "PNG"):
        raise ResourceError(f"{path} could not be written", mend="check the folder's rights and the room on the disk")


def warn_without_fonts() -> None:
    """Qt brings no font of its own."""
    if not QFontDatabase.families():
        log.warning("no fonts are installed, so no text is drawn; on Debian: apt-get install fonts-dejavu-core")


class _ImageSink:
    """Paints every frame to one picture until there were enough; see `Sink`."""

    def __init__(self, scene: Scene, enough: int) -> None:
        self._scene, self._enough = scene, enough
        self._painter = SwscalePainter()
        self.image = QImage(*scene.window_wh, QImage.Format.Format_RGB32)
        self.pipeline: Pipeline | None = None

    def write(self, frame: Frame) -> None:
        """Paint, and end the run after the last frame asked for."""
        stats = self._scene.stats
        if stats.display.count == self._enough:
            return
        stats.refresh()
        self._scene.picture = Picture(frame)
        self._paint()
        if stats.display.count == self._enough and self.pipeline is not None:
            self.pipeline.stop()

    def finish(self) -> None:
        """Paint the last picture again with the last numbers."""
        self._scene.stats.refresh(older_than_s=0.0)
        self._paint()

    def close(self) -> None:
        """The painter's graphs go with it."""

    def _paint(self) -> None:
        qt = QPainter(self.image)
        paint_scene(qt, self._scene, self._painter)
        qt.end()


class HeadlessViewer:
    """`--headless-frames`; see `rtsr.viewer.app.open_viewer`."""

    interrupted = False

    def __init__(self, options: Options) -> None:
        self._options = options
        self._application: QGuiApplication = qt_application("-platform", "offscreen")
        warn_without_fonts()
        self._panel = Panel(open_sensors(options.device))
        self._scene = Scene(Stats(self._panel))
        self._pipeline: Pipeline | None = None

    def run(self) -> str:
        """Render, write the picture, and say what was measured."""
        options, scene = self._options, self._scene
        wanted = options.headless_frames or 1
        sinks: list[_ImageSink] = []

        def open_sink(source: Source, upscaler: Upscaler) -> Sink:
            scene.fit_to(source.info, upscaler.badge)
            scene.window_wh = window_wh(scene.shape_wh, (1920, 1080))
            scene.view = View(layout=options.layout)
            sinks.append(_ImageSink(scene, wanted))
            return sinks[0]

        reading = Reading(live=live_of(options), hwdec=options.hwdec)
        stats = scene.stats
        upscale, opening = upscaling(options, stats, open_upscaler)
        self._pipeline = compose(
            options.source, upscale, open_sink, reading=reading, opening=opening, beside=beside_of(options)
        )
        sinks[0].pipeline = self._pipeline
        if isinstance(self._pipeline.upscaler, GovernedUpscaler):
            stats.governor = self._pipeline.upscaler
        stats.model, stats.model_ms = self._pipeline.counters.model, self._pipeline.counters.upscale_ms
        stats.attach(self._pipeline)
        if self.interrupted:
            self._pipeline.stop()
        self._pipeline.run()
        if options.screenshot is not None:
            save_image(sinks[0].image, options.screenshot)
        came = stats.display.count
        few = "" if came == wanted else f" (asked for {wanted}, the source held {came})"
        return f"{stats.summary()}{few}"

    def stop(self) -> None:
        """From anywhere: end after the frame at hand."""
        self.interrupted = True
        if self._pipeline is not None:
            self._pipeline.stop()

    def close(self) -> None:
        """Let go of the sensor."""
        self._panel.close()


def window_wh(shape_wh: tuple[int, int], most_wh: tuple[int, int]) -> tuple[int, int]:
    """A window for a picture of `shape_wh`: exactly as large where that fits, and never too small to read."""
    factor = min(1.0, most_wh[0] / shape_wh[0], most_wh[1] / shape_wh[1])
    return max(640, round(shape_wh[0] * factor)), max(360, round(shape_wh[1] * factor))
