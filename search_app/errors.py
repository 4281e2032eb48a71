"""Every error the product raises on purpose; a message says what happened, to what, and what to do.

SearchAppError
├── SettingsError            a setting has a wrong value
├── BadRequest               a caller's mistake; `parameter` names it           -> HTTP 4xx
├── NotFound                 an id or a path that is not in the index           -> HTTP 404
├── NameTaken                another picture lies under that name               -> HTTP 409
├── FolderClosed             the indexed folder cannot be written to            -> HTTP 403
├── ImageError               one file cannot be used; costs that file only
│   ├── NotAnImage           content is of no known picture format
│   ├── BrokenImage          a picture, but damaged
│   ├── ImageTooLarge        over the pixel limit
│   ├── Unreadable           the operating system refuses to read it
│   └── Unreachable          its source gave no answer: nobody knows whether it is still there
├── EncoderError             a model cannot be used
│   ├── UnknownModel         no such name
│   ├── WeightsUnavailable   the weights are neither here nor at the hub
│   ├── EncoderStuck         a model gave no answer in time, or is being replaced    -> HTTP 503
│   └── MissingDependency    a package is not installed; the message has the pip line
├── VectorIndexError
│   ├── ModelMismatch        the index was made by another model
│   ├── IndexUnavailable     cannot answer now, may later                       -> HTTP 503
│   │   └── NoIndexYet       nothing has been indexed
│   ├── IndexDamaged         stored data is inconsistent
│   ├── IndexInUse           another process is writing this collection
│   └── DiskFull             less free space than a safe write needs
├── IngestError              an index run cannot do what was asked
├── SourceUnavailable        the place where pictures come from cannot be asked now  -> HTTP 503
├── MovingError              what was moved is not equal, or cannot be read
├── EvaluationError          topics, qrels, run files or labels cannot be used
├── WordsError               the words in pictures cannot be read or searched
├── JudgementError           the store of judgements cannot be used
└── TrainingError            pairs, judgements or checkpoints cannot be used
"""


class SearchAppError(Exception):
    """The root of all errors the product raises on purpose."""


class SettingsError(SearchAppError):
    """A setting has a wrong value; the message names the variable and what it accepts."""


class BadRequest(SearchAppError):
    """A caller's mistake."""

    def __init__(self, message: str, parameter: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class NotFound(SearchAppError):
    """An id or a path that is not in the index, or a collection or alias that is not there."""


class NameTaken(SearchAppError):
    """Something else lies under the name that a picture was to have."""


class FolderClosed(SearchAppError):
    """The indexed folder cannot be written to, by rights of the file system or by a setting."""


class ImageError(SearchAppError):
    """One file cannot be used; the message is the reason that reports show."""


class NotAnImage(ImageError):
    """The content is of no known picture format, whatever the suffix says."""


class BrokenImage(ImageError):
    """The content is a picture, but damaged."""


class ImageTooLarge(ImageError):
    """The picture has more pixels than the limit allows."""


class Unreadable(ImageError):
    """The operating system refuses to read the file, or it is not a regular file."""


class Unreachable(ImageError):
    """The source gave no answer, now or at all: nobody knows whether the picture is still there."""


class EncoderError(SearchAppError):
    """A model cannot be used."""


class UnknownModel(EncoderError):
    """No model of that name."""


class WeightsUnavailable(EncoderError):
    """The weights are neither on this machine nor at the hub."""


class EncoderStuck(EncoderError):
    """A model gave no answer in its time; a fresh one is being opened."""


class MissingDependency(EncoderError):
    """A package is not installed; the message has the pip line."""


class VectorIndexError(SearchAppError):
    """The index cannot do what was asked."""


class ModelMismatch(VectorIndexError):
    """The index was made by another model: vectors of two models are never mixed."""


class IndexUnavailable(VectorIndexError):
    """The index cannot answer now but may later."""


class NoIndexYet(IndexUnavailable):
    """Nothing has been indexed into this collection."""


class IndexDamaged(VectorIndexError):
    """The stored data is inconsistent."""


class IndexInUse(VectorIndexError):
    """Another process is writing this collection."""


class DiskFull(VectorIndexError):
    """Less free disk space than a safe write needs."""


class IngestError(SearchAppError):
    """An index run cannot do what was asked."""


class SourceUnavailable(SearchAppError):
    """The place where pictures come from cannot be asked now but may later."""


class MovingError(SearchAppError):
    """What was moved is not equal to its source, or an archive or a file of vectors cannot be used."""


class EvaluationError(SearchAppError):
    """Topics, qrels or run files cannot be used; the message names file and line."""


class WordsError(SearchAppError):
    """The words printed in pictures cannot be read or searched."""


class JudgementError(SearchAppError):
    """The store of judgements cannot be opened, read or written."""


class TrainingError(SearchAppError):
    """What a training is to learn from, or the checkpoint it is to go on from, cannot be used."""
