-- One sale paid in several parts: sessions of one till under one sale id, and never more of it than its amount.

ALTER TABLE session ADD COLUMN sale TEXT;
ALTER TABLE session ADD COLUMN sale_amount INTEGER CHECK (sale_amount > 0);

CREATE INDEX session_sale ON session (till, sale) WHERE sale IS NOT NULL;

CREATE TRIGGER sale_is_never_changed BEFORE UPDATE OF sale, sale_amount ON session
BEGIN SELECT RAISE(ABORT, 'orders are never changed'); END;

-- What is paid (without tips, less what was given back), held, under way or in doubt, is taken; the rest is free.
CREATE TRIGGER sale_is_never_overpaid BEFORE INSERT ON session WHEN NEW.sale IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'the sale has another amount')
    WHERE EXISTS (
        SELECT 1 FROM session WHERE till = NEW.till AND sale = NEW.sale
        AND (sale_amount <> NEW.sale_amount OR currency <> NEW.currency)
    );
    SELECT RAISE(ABORT, 'the sale would be overpaid')
    WHERE NEW.amount + (
        SELECT coalesce(sum(CASE
            WHEN part.state IN ('declined', 'canceled', 'failed', 'released') THEN 0
            WHEN part.state = 'paid' THEN max(0, min(part.amount, part.amount_captured - (
                SELECT coalesce(sum(amount), 0) FROM session WHERE refund_of = part.id AND state = 'paid'
            )))
            ELSE part.amount END), 0)
        FROM session AS part WHERE part.till = NEW.till AND part.sale = NEW.sale
    ) > NEW.sale_amount;
END;
