"""The errors that edsym raises for its users: each names the input, its value and what was expected."""


class EdsymError(Exception):
    """Base of all errors whose message is meant for the user."""


class InputError(EdsymError):
    """A file, a table or a setting is not what it should be; nothing was written."""


class MaterialError(EdsymError):
    """One material cannot be processed: it is listed with this reason, and the others go on."""


class TrainingError(EdsymError):
    """A training cannot go on; its checkpoints are kept."""


class SourceError(EdsymError):
    """A database does not answer; what it has answered is kept, and the next run goes on from there."""


class InputWarning(UserWarning):
    """The input can be used, but the result is not what one might take it for."""
