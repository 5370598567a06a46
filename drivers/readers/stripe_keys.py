"""Idempotency keys whose numbers are on disk before they are used."""

from drivers.contract import PaymentRequest, Report


class Keys:
    """The key of each operation of one session: the same until Stripe has answered, then a new one.

    Stripe stores the answer of a key for a day, errors too: repeating a refused command with its old key
    would only replay the refusal (docs.stripe.com/api/idempotent_requests).
    """

    def __init__(self, request: PaymentRequest, report: Report) -> None:
        self._session = request.session
        self._report = report
        # A number from before a crash may be unanswered, so it is used again first.
        self._open = dict(request.attempts)
        self._inherited = set(self._open)

    async def of(self, operation: str) -> str:
        """The key to send this operation with; its number survives a power cut."""
        number = self._open.get(operation)
        if number is None:
            number = self._open[operation] = await self._report.attempt(operation)
        return f"{self._session}:{operation}:{number}"

    def answered(self, operation: str) -> bool:
        """Stripe said yes or no: the next time is another time.

        True if the number was from before this call: the answer may then be a stored one, to a request of
        that time.
        """
        self._open.pop(operation, None)
        inherited = operation in self._inherited
        self._inherited.discard(operation)
        return inherited
