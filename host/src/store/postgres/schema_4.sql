-- Version 4: servers see each other's clocks and know whether they have one token of the administrator. Apart from
-- version 5: nodes cannot renew their leases while this table is locked.

alter table nodes
    -- How far its clock is ahead of the database's, in milliseconds; none if it has not said so.
    add column clock_ms bigint,
    -- A digest of the administrator's token that it goes by, keyed with the vault's key.
    add column token_check bytea;
