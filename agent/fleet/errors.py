"""What can go wrong with the fleet: what is permanent, what passes."""


class FleetError(Exception):
    """Root of the errors of this package. The message says what was tried, on what, and what to do."""


class PermanentError(FleetError):
    """The same again would fail again: somebody has to change something. `code` is Stripe's, if any."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class TemporaryError(FleetError):
    """It may work later. Whether it was carried out is not known: only a look will tell."""


class StalePlanError(FleetError):
    """The account has changed since the plan was made."""


class PlanFileError(FleetError):
    """A file is not a plan that we saved."""
