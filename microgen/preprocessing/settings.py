"""The settings of an audio front end, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InputError


@dataclass(frozen=True)
class Settings:
    """See `LogMel`, which checks them."""

    sample_rate: int = 16000
    window_ms: int = 30
    step_ms: int = 10
    channels: int = 40
    low_hz: float = 125.0
    high_hz: float = 7500.0
    noise_reduction: bool = True
    even_smoothing: float = 0.025
    odd_smoothing: float = 0.06
    min_signal_remaining: float = 0.05
    pcan: bool = True
    pcan_strength: float = 0.95
    pcan_offset: float = 80.0
    log: bool = True
    mel: str = "htk"

    @property
    def window(self) -> int:
        """Samples in a frame."""
        return self.window_ms * self.sample_rate // 1000

    @property
    def step(self) -> int:
        """Samples between the starts of two frames."""
        return self.step_ms * self.sample_rate // 1000

    @property
    def fft_size(self) -> int:
        """Samples of the FFT: the next power of two."""
        return 1 << (self.window - 1).bit_length()

    @property
    def estimates_noise(self) -> bool:
        """Whether features depend on earlier frames."""
        return self.noise_reduction or self.pcan

    def samples_of(self, frames: int) -> int:
        """Return how many samples a number of frames takes."""
        return self.window + (frames - 1) * self.step


def check_whole(**settings: object) -> None:
    """Refuse settings that are no `int`: sizes and places in arrays follow from them.

    Raises:
        InputError: one is something else; NumPy's integers are, which overflow.
    """
    for name, value in settings.items():
        if type(value) is not int:
            raise InputError(f"{name}={value}: is not an integer", "give an int, such as 10")
