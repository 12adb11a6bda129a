"""A plain window for moving pictures, with what Python brings along."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sign_etl.core.errors import AccessError


class Window:
    """Opened by `with`; closed by its user or at the end.

    Args:
        title: of the window.

    Raises:
        AccessError: there is no screen, or Python was built without Tk.
    """

    def __init__(self, title: str) -> None:
        hint = "leave --show out; --out FILE writes the video instead"
        try:
            import tkinter
        except ImportError:
            raise AccessError("this Python has no Tk for windows", hint=hint) from None
        try:
            self._root: Any = tkinter.Tk()
        except tkinter.TclError:
            raise AccessError("there is no screen to show anything on", hint=hint) from None
        self._root.title(title)
        self._picture: Any = tkinter.Label(self._root)
        self._picture.pack()
        self._open = True
        self._root.protocol("WM_DELETE_WINDOW", self._shut)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._root.destroy()

    def show(self, picture: NDArray[np.uint8]) -> bool:
        """Show a picture (H, W, 3) RGB; False once the window was closed."""
        from PIL import ImageTk

        shown = ImageTk.PhotoImage(Image.fromarray(picture), master=self._root)
        self._picture.configure(image=shown)
        self._picture.image = shown  # Tk itself keeps none
        self._root.update()
        return self._open

    def _shut(self) -> None:
        self._open = False
