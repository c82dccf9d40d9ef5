-- Version 2: nodes share the work, and ask each other for what they do not own.

alter table nodes
    -- Where it is reached, as it was started.
    add column url text not null default '',
    -- It gives its partitions to others.
    add column draining boolean not null default false,
    -- What it had to do as it renewed its lease, and the revision of what is set up that it goes by.
    add column running bigint not null default 0,
    add column queued bigint not null default 0,
    add column revision bigint not null default 0;

-- What nodes ask the owners of tasks for. Each is answered once: in the transaction that does it, or else with a refusal.
create table inbox (
    id uuid primary key,
    seq bigint generated always as identity,
    -- The task's.
    partition smallint not null,
    request bytea not null,
    answered timestamptz,
    -- The task's head after it was done.
    head bytea,
    -- Why it was not done.
    refusal bytea
);
create index inbox_open on inbox (partition, seq) where answered is null;
create index inbox_answered on inbox (answered) where answered is not null;
