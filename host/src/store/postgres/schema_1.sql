-- Version 1. What is text here sorts by bytes, as names do everywhere else. Values of the domain are in the shapes of
-- `store/shapes`, each with its own version; columns beside them are what is looked for.

create table cluster (
    is_only boolean primary key default true check (is_only),
    -- What run seeds are derived from.
    seed bytea not null,
    -- A value that was sealed with the vault's key, which all nodes have.
    key_check bytea,
    -- How often anything was changed that tenants have set up.
    revision bigint not null default 0,
    -- The revision in which a token of the server was last changed.
    server_revision bigint not null default 0
);

create table nodes (
    id bigint generated always as identity primary key,
    version text not null,
    started timestamptz not null default clock_timestamp(),
    lease_until timestamptz not null
);

-- A writer locks the rows of its partitions for share. Who takes one over changes its row, and so waits for a write under
-- way and fences all later ones.
create table partitions (
    id smallint primary key,
    owner bigint,
    epoch bigint not null default 0
);
insert into partitions (id) select generate_series(0, 255);

create sequence write_groups;

create table tasks (
    workspace text collate "C" not null,
    id uuid not null,
    partition smallint not null,
    version bigint not null,
    state smallint not null,
    -- When the engine is to look at it, if it waits or owes a notice.
    due bigint,
    -- When it was last changed, if it is at its end and may be removed.
    rests bigint,
    -- Digests of what it is found by.
    webhook bigint,
    name bigint,
    tags bigint[],
    -- The last row of the journal that the last commit settled; later ones are effects of a run under way.
    settled bigint not null,
    -- What the settled journal takes in memory.
    journal_bytes bigint not null,
    head bytea not null,
    data text not null,
    -- The journal as the task was accepted with it; what came later is in `journal`.
    entries bytea not null,
    primary key (workspace, id)
);
create index tasks_state on tasks (workspace, state, id);
create index tasks_due on tasks (due, workspace, id) where due is not null;
create index tasks_webhook on tasks (workspace, webhook, id) where webhook is not null;
create index tasks_name on tasks (workspace, name, id) where name is not null;
create index tasks_tags on tasks using gin (tags) where tags is not null;

create table journal (
    workspace text collate "C" not null,
    task uuid not null,
    seq bigint not null,
    bytes bigint not null,
    entries bytea not null,
    primary key (workspace, task, seq)
);

create table dedup (
    workspace text collate "C" not null,
    key uuid not null,
    task uuid not null,
    came bigint not null,
    until bigint not null,
    primary key (workspace, key)
);
create index dedup_until on dedup (until);

create table bodies (
    workspace text collate "C" not null,
    task uuid not null,
    digest bytea not null,
    body bytea not null,
    primary key (workspace, task, digest)
);

-- Workspaces that were deleted, and of which something is left.
create table erasing (
    workspace text collate "C" primary key
);

-- What tenants have set up. The workspace is empty for what is of the server itself.
create table setup (
    kind smallint not null,
    workspace text collate "C" not null,
    name text collate "C" not null,
    value bytea not null,
    mark bigint,
    primary key (kind, workspace, name)
);
create table revisions (
    workspace text collate "C" primary key,
    revision bigint not null
);
create table components (
    digest text collate "C" primary key,
    component bytea not null
);
create table step_components (
    workspace text collate "C" not null,
    step text collate "C" not null,
    digest text collate "C" not null,
    primary key (workspace, step, digest)
);
create index step_components_digest on step_components (digest);

-- The workspace is empty for the server's own log.
create table audit (
    id bigint primary key,
    workspace text collate "C" not null,
    is_done boolean not null,
    entry bytea not null
);
create index audit_log on audit (workspace, is_done, id);

create table deliveries (
    workspace text collate "C" not null,
    webhook text collate "C" not null,
    id uuid not null,
    at bigint not null,
    delivery bytea not null,
    primary key (workspace, webhook, id)
);
create index deliveries_at on deliveries (at);
