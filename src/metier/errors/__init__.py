"""Every error a user can fix. Catch `MetierError` to catch them all; anything else that escapes is our bug.

MetierError
├── CallError                    the call was wrong                                  exit 2
│   ├── MissingColumnError       a column that was named is not in the rows
│   ├── UnknownNameError         a method, base, task or metric that does not exist
│   ├── SettingsError            unknown or out-of-range settings, listed together
│   ├── WrongTypeError           an argument of another type than is expected
│   │   └── ConversationError    messages of another form, or nothing in them to answer
│   ├── MissingExtraError        an optional package that is not installed
│   ├── PlugInError              a plug-in that cannot be imported, or lacks a part
│   ├── NoNetworkError           something that needs a network
│   └── RequestError             a request to the service that cannot be answered
├── DataError                    the rows cannot be used                             exit 1
│   ├── UnreadableFileError      the file is missing, broken or not in the format of its name
│   ├── KnowledgeError           a knowledge graph with circles or ids that are not there
│   ├── BrokenRowError           one line of the file cannot be read
│   │   └── StrayTagError        tags that continue an entity where none is open
│   ├── BrokenValueError         values of one column cannot be used: spans, answers, scores
│   ├── MediaError               a file that should be a picture, a recording or a video
│   │   ├── MediaLimitError      one above a limit, which is not decoded
│   │   ├── ImageError           an image that is missing, damaged or none
│   │   │   └── ImageTooLargeError   an image of too many pixels or bytes
│   │   ├── AudioError           a recording that is missing, damaged or none
│   │   │   └── AudioTooLongError    a recording of too many seconds or bytes
│   │   └── VideoError           a video that is missing, damaged or none
│   │       └── VideoTooLongError    a video of too many seconds, scenes or pixels
│   ├── EmptyDataError           no rows, or no rows with text
│   ├── MissingLabelError        rows without a label
│   ├── MissingSideError         a pair of texts that has only one
│   ├── EntityError              a marked entity does not match its offsets
│   ├── BadSpanError             spans that are outside their text, or overlap
│   ├── AnswerPlaceError         an answer that is not in its passage at the given offset
│   ├── TooFewLabelsError        fewer than two different labels
│   ├── RareLabelError           labels with too few rows to be split
│   ├── IdLabelError             a label column with as many values as rows
│   ├── UnknownLabelError        labels in one split that are not in the training rows
│   └── LeakageError             test rows that are also in the training rows
├── BundleError                  a sealed folder that cannot be trusted or read      exit 1
│   ├── TamperedBundleError      a file was altered, added or removed after sealing
│   ├── SignatureError           a signature that is missing, broken or not of a trusted key
│   └── UnsafeFileError          a file that could run code when loaded
├── KeyFileError                 a file of keys that cannot be read                  exit 1
├── AuditLogError                an audit log that cannot be read, or was altered    exit 1
├── BaseModelError               a pretrained model that cannot be used              exit 1
│   └── WrongHashError           the weights do not match their SHA-256
├── EndpointError                a model behind an endpoint refused or did not answer exit 1
├── BudgetError                  nothing fits in the given time or memory   exit 1
├── TrainingError                a training that goes wrong at every learning rate    exit 1
├── StorageError                 a write to disk failed; no partial file is left     exit 1
├── CompressionError             a bundle that cannot be made smaller as asked        exit 1
├── RegistryError                a change that the rules of a registry do not allow  exit 1
├── PredictionLogError           a store of predictions that cannot be used          exit 1
├── QueueError                   a queue of rows to be labelled that cannot be used  exit 1
├── SourceError                  a source of messages that cannot be reached or read  exit 1
├── ConversationStoreError       a memory of conversations that cannot be used      exit 1
├── WatchStoreError              a store of watched messages that cannot be used     exit 1
├── ReplayStoreError         a store of rows to be learned again that cannot be used exit 1
├── InUseError                   another process works on the same run or file       exit 1
└── InterruptedRunError          the user stopped a run; says how to resume          exit 130
"""

from metier.errors.base import (
    AuditLogError,
    BaseModelError,
    BudgetError,
    BundleError,
    CallError,
    CompressionError,
    ConversationError,
    ConversationStoreError,
    EndpointError,
    InterruptedRunError,
    InUseError,
    KeyFileError,
    MetierError,
    MissingColumnError,
    MissingExtraError,
    NoNetworkError,
    PlugInError,
    PredictionLogError,
    QueueError,
    RegistryError,
    ReplayStoreError,
    RequestError,
    SettingsError,
    SignatureError,
    SourceError,
    StorageError,
    TamperedBundleError,
    TrainingError,
    UnknownNameError,
    UnsafeFileError,
    WatchStoreError,
    WrongHashError,
    WrongTypeError,
)
from metier.errors.data_errors import (
    AnswerPlaceError,
    BadSpanError,
    BrokenRowError,
    BrokenValueError,
    DataError,
    EmptyDataError,
    EntityError,
    IdLabelError,
    KnowledgeError,
    LeakageError,
    MissingLabelError,
    MissingSideError,
    RareLabelError,
    StrayTagError,
    TooFewLabelsError,
    UnknownLabelError,
    UnreadableFileError,
)
from metier.errors.media_errors import (
    AudioError,
    AudioTooLongError,
    ImageError,
    ImageTooLargeError,
    MediaError,
    MediaLimitError,
    VideoError,
    VideoTooLongError,
)
from metier.errors.quoting import LONGEST_QUOTED, MOST_NAMED, quoted, shortened, suggest

__all__ = [
    "LONGEST_QUOTED",
    "MOST_NAMED",
    "AnswerPlaceError",
    "AudioError",
    "AudioTooLongError",
    "AuditLogError",
    "BadSpanError",
    "BaseModelError",
    "BrokenRowError",
    "BrokenValueError",
    "BudgetError",
    "BundleError",
    "CallError",
    "CompressionError",
    "ConversationError",
    "ConversationStoreError",
    "DataError",
    "EmptyDataError",
    "EndpointError",
    "EntityError",
    "IdLabelError",
    "ImageError",
    "ImageTooLargeError",
    "InUseError",
    "InterruptedRunError",
    "KeyFileError",
    "KnowledgeError",
    "LeakageError",
    "MediaError",
    "MediaLimitError",
    "MetierError",
    "MissingColumnError",
    "MissingExtraError",
    "MissingLabelError",
    "MissingSideError",
    "NoNetworkError",
    "PlugInError",
    "PredictionLogError",
    "QueueError",
    "RareLabelError",
    "RegistryError",
    "ReplayStoreError",
    "RequestError",
    "SettingsError",
    "SignatureError",
    "SourceError",
    "StorageError",
    "StrayTagError",
    "TamperedBundleError",
    "TooFewLabelsError",
    "TrainingError",
    "UnknownLabelError",
    "UnknownNameError",
    "UnreadableFileError",
    "UnsafeFileError",
    "VideoError",
    "VideoTooLongError",
    "WatchStoreError",
    "WrongHashError",
    "WrongTypeError",
    "quoted",
    "shortened",
    "suggest",
]
