-- Version 6: a long text that several components have is stored once. Servers of before find the components of before whole
-- in `components`, and while one of them runs, new ones as well.
create table component_parts (
    digest text collate "C" primary key,
    parts bytea not null
);
create table component_texts (
    digest text collate "C" primary key,
    content bytea not null
);
create table component_uses (
    component text collate "C" not null,
    text text collate "C" not null,
    primary key (component, text)
);
create index component_uses_text on component_uses (text);
-- Whether the server knows of parts.
alter table nodes add column reads_parts boolean not null default false;
