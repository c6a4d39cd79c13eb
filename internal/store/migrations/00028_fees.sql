-- +goose Up

-- What was sent is by so much more than the amount.
UPDATE payments SET sent_msat = sent_msat - amount_msat WHERE status <> 'pending';
UPDATE attempts SET sent_msat = sent_msat - amount_msat;
