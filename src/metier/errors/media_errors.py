"""Errors of pictures, recordings and videos: which one, what is wrong with it, what to do."""

from metier.errors.data_errors import DataError
from metier.errors.quoting import shortened


class MediaError(DataError):
    """A picture, a recording or a video that cannot be used: which one, what is wrong with it, what to do."""

    noun = "file"

    def __init__(self, called: str, fault: str, cure: str):
        self.called, self.fault, self.cure = called, fault, cure
        super().__init__(f"The {self.noun} {shortened(called)} cannot be used: {fault}. {cure}")


class MediaLimitError(MediaError):
    """A picture, a recording or a video above a limit, which is refused before all of it is decoded."""

    remedy = "Make it smaller."
    kind = "that are too large"  # Completes "3 rows have images …".

    def __init__(self, called: str, found: str, allowed: str):
        super().__init__(called, f"it has {found}; {allowed} are allowed", self.remedy)


class ImageError(MediaError):
    """An image that is missing, damaged, or no image."""

    code, noun = "bad_image", "image"


class ImageTooLargeError(MediaLimitError, ImageError):
    """An image of too many pixels or bytes, which is refused before it is decoded."""

    code = "image_too_large"


class AudioError(MediaError):
    """A recording that is missing, damaged, or no audio."""

    code, noun = "bad_audio", "recording"


class AudioTooLongError(MediaLimitError, AudioError):
    """A recording of too many seconds or bytes, which is refused before all of it is decoded."""

    code, remedy, kind = "audio_too_long", "Cut it into parts.", "that are too long"


class VideoError(MediaError):
    """A video that is missing, damaged, or no video."""

    code, noun = "bad_video", "video"


class VideoTooLongError(MediaLimitError, VideoError):
    """A video of too many seconds, scenes or pixels, which is refused before all of it is decoded."""

    code, remedy = "video_too_long", "Cut it into parts, or make it smaller."
