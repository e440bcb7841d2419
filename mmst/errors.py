"""Errors that a user can act on: one line that names the key, the value and the remedy."""


class MMSTError(ValueError):
    """Base of all errors that come from a user's input rather than from a defect."""


class ConfigError(MMSTError):
    """A setting that makes no sense, or settings that contradict each other."""


class DataError(ConfigError):
    """A data set that is missing, empty or does not fit the config."""


class TicketError(MMSTError):
    """A ticket or checkpoint file that cannot be used."""


def config_error(key: str, value, problem: str, remedy: str) -> ConfigError:
    """A :class:`ConfigError` of the project's one form."""
    return ConfigError(f'{key} = {value!r}: {problem}. Remedy: {remedy}.')


class TrainingError(MMSTError):
    """A run that cannot go on, e.g. because it diverged."""
