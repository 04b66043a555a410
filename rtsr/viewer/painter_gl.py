"""The painter for a real GPU: planes go up as they are, the shader does the rest.

Why functions of OpenGL 4.1 by name: PyQt6 refuses the context's own newer profile, and QOpenGLTexture ignores
row lengths. Why planes go up through ctypes, and no array goes through PyQt6: it caches what is given to
glTexImage2D without holding it, and Python's garbage collector then ends the process (PyQt6 6.11).
"""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
from PyQt6.QtGui import QImage, QOffscreenSurface, QOpenGLContext, QPainter, QSurfaceFormat
from PyQt6.QtOpenGL import (
    QAbstractOpenGLFunctions,
    QOpenGLFunctions_4_1_Core,
    QOpenGLShader,
    QOpenGLShaderProgram,
    QOpenGLVersionFunctionsFactory,
    QOpenGLVersionProfile,
    QOpenGLVertexArrayObject,
)
from PyQt6.QtOpenGLWidgets import QOpenGLWidget
from PyQt6.sip import delete, transferto

from rtsr.color import rgb_from_ycbcr
from rtsr.errors import BackendError
from rtsr.frame import Frame, Plane
from rtsr.viewer.geometry import Box, Pane, Side, Turn
from rtsr.viewer.grid import Grid
from rtsr.viewer.overlay import draw_overlay
from rtsr.viewer.picture import Picture, Sides
from rtsr.viewer.scene import Scene
from rtsr.viewer.shader import FRAGMENT, VERTEX

_RENDERER, _TEXTURE_2D, _TEXTURE0 = 0x1F01, 0x0DE1, 0x84C0
_RED, _R8, _UNSIGNED_BYTE, _R16, _UNSIGNED_SHORT = 0x1903, 0x8229, 0x1401, 0x822A, 0x1403
_UNPACK_ROW_LENGTH, _UNPACK_ALIGNMENT = 0x0CF2, 0x0CF5
_MIN_FILTER, _MAG_FILTER, _NEAREST = 0x2801, 0x2800, 0x2600
_SCISSOR_TEST, _BLEND, _DEPTH_TEST, _COLOR_BUFFER_BIT, _TRIANGLES = 0x0C11, 0x0BE2, 0x0B71, 0x4000, 4
_MOST_STRETCH = 4.0
"""A picture shown smaller than a quarter is not filtered any wider."""


def gl_format() -> QSurfaceFormat:
    """OpenGL 4.1 core, in step with the screen."""
    form = QSurfaceFormat()
    form.setVersion(4, 1)
    form.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
    form.setSwapInterval(1)
    return form


def gl_renderer() -> str | None:
    """What draws OpenGL 4.1 here, in the driver's words; None where nothing does."""
    surface = QOffscreenSurface()
    surface.setFormat(gl_format())
    surface.create()
    context = QOpenGLContext()
    context.setFormat(gl_format())
    if not (context.create() and context.makeCurrent(surface)):
        return None
    try:
        functions = _functions(context)
        return str(functions.glGetString(_RENDERER)) if functions is not None else None
    finally:
        context.doneCurrent()


def _image_function(context: QOpenGLContext, name: bytes) -> Callable[..., None]:
    address = context.getProcAddress(name)
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_uint] * 8, ctypes.c_void_p)
    return kind(int(address)) if address else _missing(name)


def _missing(name: bytes) -> Callable[..., None]:
    raise BackendError(f"the OpenGL driver has no {name.decode()}", mend="take --painter qpainter")


def _functions(context: QOpenGLContext | None) -> QOpenGLFunctions_4_1_Core | None:
    profile = QOpenGLVersionProfile()
    profile.setVersion(4, 1)
    profile.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
    functions: QAbstractOpenGLFunctions | None = QOpenGLVersionFunctionsFactory.get(profile, context)
    if functions is not None:
        transferto(functions, None)  # type: ignore[arg-type]  # the context owns them and deletes them; PyQt6 would do it a second time
    if isinstance(functions, QOpenGLFunctions_4_1_Core) and functions.initializeOpenGLFunctions():
        return functions
    return None


class GlCanvas(QOpenGLWidget):
    """Paints the scenes of a grid with OpenGL; see `Canvas`."""

    painter = "opengl"

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.setFormat(gl_format())
        self._grid = grid
        self._drawer: _Drawer | None = None
        self._ahead = {scene: Sides() for scene in grid.scenes}  # of the sinks' threads
        grid.changed.connect(self.update)
        for scene in grid.scenes:
            scene.changed.connect(self.update)

    def prepare(self, scene: Scene, picture: Picture) -> None:
        """See `Canvas`. Uploading takes a fraction of a millisecond, so nothing is made ready for that."""
        for pane in scene.panes():
            self._ahead[scene].of(picture, pane, scene.turn)

    def grab_image(self) -> QImage:
        """See `Canvas`."""
        return self.grabFramebuffer()

    def close(self) -> bool:
        """See `Canvas`: what the driver holds can be freed in its own context only."""
        if self._drawer is not None:
            self.makeCurrent()
            self._drawer.close()
            self._drawer = None
            self.doneCurrent()
        return super().close()

    def initializeGL(self) -> None:
        """Qt's: there is a context now, perhaps a new one."""
        context = self.context()
        functions = _functions(context)
        if functions is None or context is None:
            raise BackendError("OpenGL 4.1 went away", mend="take --painter qpainter")
        self._drawer = _Drawer(functions, context)

    def resizeGL(self, _width: int, _height: int) -> None:
        """Qt's: the grid learns the new size."""
        ratio = self.devicePixelRatioF()
        self._grid.resize((round(self.width() * ratio), round(self.height() * ratio)))

    def paintGL(self) -> None:
        """Qt's: the pictures by the shader, the words over them by QPainter."""
        shown = [
            (scene, box, scene.picture, scene.panes() if scene.picture else ()) for scene, box in self._grid.places
        ]
        if self._drawer is not None:
            self._drawer.clear(self._grid.window_wh)
            for scene, box, picture, panes in shown:
                if picture is not None:
                    self._drawer.draw(scene, picture, [_moved(pane, box) for pane in panes], self._grid.window_wh[1])
        qt = QPainter(self)
        qt.scale(1 / self.devicePixelRatioF(), 1 / self.devicePixelRatioF())
        for scene, box, _, panes in shown:
            qt.save()
            qt.translate(box.x, box.y)
            qt.setClipRect(0, 0, box.width, box.height)
            draw_overlay(qt, scene.window_wh, panes, scene.overlay())
            qt.restore()
        qt.end()
        for scene, _, picture, _ in shown:
            if picture is not None:
                scene.presented(picture)


def _moved(pane: Pane, box: Box) -> Pane:
    """From pixels of a part of the window to those of the window."""
    picture, clip = (Box(one.x + box.x, one.y + box.y, one.width, one.height) for one in (pane.picture, pane.clip))
    return Pane(pane.side, picture, clip)


_Place = tuple[Scene, Side]
"""What a picture is of."""


class _Drawer:
    """Program and textures of one context."""

    def __init__(self, gl: QOpenGLFunctions_4_1_Core, context: QOpenGLContext) -> None:
        self._gl = gl
        self._new_image = _image_function(context, b"glTexImage2D")
        self._fill_image = _image_function(context, b"glTexSubImage2D")
        self._program = QOpenGLShaderProgram()
        kinds = QOpenGLShader.ShaderTypeBit
        for kind, text in ((kinds.Vertex, VERTEX), (kinds.Fragment, FRAGMENT)):
            if not self._program.addShaderFromSourceCode(kind, text):
                raise BackendError(
                    f"the driver refuses the shader: {self._program.log()}", mend="take --painter qpainter"
                )
        if not self._program.link():
            raise BackendError(f"the driver refuses the shader: {self._program.log()}", mend="take --painter qpainter")
        self._vertices = QOpenGLVertexArrayObject()
        self._vertices.create()
        self._textures: dict[tuple[_Place, int], int] = {}
        self._sizes: dict[tuple[_Place, int], tuple[int, ...]] = {}
        self._held: dict[_Place, Frame] = {}
        self._sides: dict[Scene, Sides] = {}

    def clear(self, window_wh: tuple[int, int]) -> None:
        """Black."""
        gl = self._gl
        gl.glDisable(_SCISSOR_TEST)
        gl.glDisable(_BLEND)
        gl.glDisable(_DEPTH_TEST)
        gl.glViewport(0, 0, *window_wh)
        gl.glClearColor(0.0, 0.0, 0.0, 1.0)
        gl.glClear(_COLOR_BUFFER_BIT)

    def draw(self, scene: Scene, picture: Picture, panes: Sequence[Pane], window_height: int) -> None:
        """The panes of `scene`, which lie in window pixels."""
        gl, turn = self._gl, scene.turn
        sides = self._sides.setdefault(scene, Sides())
        self._program.bind()
        self._vertices.bind()
        gl.glEnable(_SCISSOR_TEST)
        for pane in panes:
            clip = pane.clip
            gl.glScissor(clip.x, window_height - clip.y - clip.height, clip.width, clip.height)
            frame = sides.of(picture, pane, turn)
            self._bind((scene, pane.side), frame)
            self._describe(replace(frame, color=picture.color), pane, turn, window_height)
            gl.glDrawArrays(_TRIANGLES, 0, 3)
        gl.glDisable(_SCISSOR_TEST)
        gl.glActiveTexture(_TEXTURE0)
        gl.glBindTexture(_TEXTURE_2D, 0)
        self._vertices.release()
        self._program.release()

    def close(self) -> None:
        """Free the program, in its context; the textures go with the context."""
        self._vertices.destroy()
        self._program.removeAllShaders()
        delete(self._program)

    def _describe(self, frame: Frame, pane: Pane, turn: Turn, window_height: int) -> None:
        gl, box = self._gl, pane.picture
        layout = frame.layout
        matrix, black = rgb_from_ycbcr(frame.color, layout.bits)
        stored_w, stored_h = turn.stored_wh(box)
        wide = [min(_MOST_STRETCH, max(1.0, n / m)) for n, m in ((frame.width, stored_w), (frame.height, stored_h))]
        place = self._program.uniformLocation
        for unit, name in enumerate(("plane_y", "plane_u", "plane_v")):
            gl.glUniform1i(place(name), unit)
        gl.glUniform4f(place("box"), box.x, window_height - box.y - box.height, box.width, box.height)
        gl.glUniform4f(place("turn"), *turn)
        gl.glUniform2f(place("luma_size"), frame.width, frame.height)
        gl.glUniform2f(place("block"), *layout.block_wh)
        gl.glUniform2f(place("siting"), *frame.color.siting.offset_in(layout.block_wh))
        gl.glUniform1f(place("levels"), np.iinfo(layout.dtype).max / layout.peak)
        gl.glUniform2f(place("stretch"), *wide)
        for name, row in zip(("to_red", "to_green", "to_blue"), matrix, strict=True):
            gl.glUniform3f(place(name), *row)
        gl.glUniform3f(place("black"), *black)

    def _bind(self, place: "_Place", frame: Frame) -> None:
        fresh = self._held.get(place) is not frame
        for unit, plane in enumerate((frame.y, frame.u, frame.v)):
            self._gl.glActiveTexture(_TEXTURE0 + unit)
            self._gl.glBindTexture(_TEXTURE_2D, self._texture(place, unit))
            if fresh:
                self._upload(place, unit, plane)
        self._held[place] = frame

    def _texture(self, place: "_Place", unit: int) -> int:
        if (place, unit) not in self._textures:
            name = self._gl.glGenTextures(1)
            self._textures[place, unit] = int(name[0] if isinstance(name, tuple) else name)
        return self._textures[place, unit]

    def _upload(self, place: "_Place", unit: int, plane: Plane) -> None:
        gl = self._gl
        height, width = plane.shape
        plane, row_length = _memory(plane)
        gl.glPixelStorei(_UNPACK_ALIGNMENT, plane.itemsize)
        gl.glPixelStorei(_UNPACK_ROW_LENGTH, row_length)
        form, kind = (_R8, _UNSIGNED_BYTE) if plane.itemsize == 1 else (_R16, _UNSIGNED_SHORT)
        if self._sizes.get((place, unit)) != (*plane.shape, form):
            for name in (_MIN_FILTER, _MAG_FILTER):
                gl.glTexParameteri(_TEXTURE_2D, name, _NEAREST)
            self._new_image(_TEXTURE_2D, 0, form, width, height, 0, _RED, kind, plane.ctypes.data)
            self._sizes[place, unit] = (*plane.shape, form)
        else:
            self._fill_image(_TEXTURE_2D, 0, 0, 0, width, height, _RED, kind, plane.ctypes.data)
        gl.glPixelStorei(_UNPACK_ROW_LENGTH, 0)  # QPainter uploads its letters by the same context
        gl.glPixelStorei(_UNPACK_ALIGNMENT, 4)


def _memory(plane: Plane) -> tuple[Plane, int]:
    """The samples, side by side in each row, and how many lie from one row to the next."""
    width, size = plane.shape[1], plane.itemsize
    stride = plane.strides[0]
    if plane.strides[1] != size or stride < width * size or stride % size:
        return cast("Plane", np.ascontiguousarray(plane)), width
    return plane, stride // size
