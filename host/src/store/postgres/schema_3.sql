-- Version 3: a store can be moved into a database, limits are shared by the nodes that live, and a task that ends nodes is
-- counted over all of them.

alter table cluster
    -- A store is being copied into this database, or was, and not to its end: no node works with it.
    add column is_incomplete boolean not null default false;

-- Tasks whose run was under way as a node ended that did not end by itself: how often.
create table interrupted (
    task uuid primary key,
    times int not null,
    noted timestamptz not null default clock_timestamp()
);
-- The runs that have lasted for a while, of each node.
create table lasting (
    node bigint not null,
    task uuid not null,
    primary key (node, task)
);
