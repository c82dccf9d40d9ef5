-- Version 5: each filter of a list of tasks has an index that gives it in order. Writes wait until they are made.

-- What servers of before list by is kept for them while they run: see `schema.rs`.
create index tasks_webhook_state on tasks (workspace, webhook, state, id) where webhook is not null;
create index tasks_name_state on tasks (workspace, name, state, id) where name is not null;

-- The digests of each task's tags. A database's index over arrays has neither the workspace nor an order.
create table task_tags (
    workspace text collate "C" not null,
    tag bigint not null,
    state smallint not null,
    id uuid not null,
    primary key (workspace, tag, state, id)
);
-- By triggers, so that servers of before keep it, too.
create function keep_task_tags() returns trigger language plpgsql set search_path from current as $$
begin
    if tg_op <> 'INSERT' then
        delete from task_tags where workspace = old.workspace and tag = any(old.tags) and state = old.state
            and id = old.id;
    end if;
    if tg_op <> 'DELETE' then
        insert into task_tags select distinct new.workspace, tag, new.state, new.id from unnest(new.tags) tag;
    end if;
    return null;
end $$;
create trigger tags_of_new after insert on tasks for each row when (new.tags is not null)
    execute function keep_task_tags();
create trigger tags_of_moved after update of state, tags on tasks for each row
    when (old.tags is distinct from new.tags or new.tags is not null and old.state <> new.state)
    execute function keep_task_tags();
create trigger tags_of_gone after delete on tasks for each row when (old.tags is not null)
    execute function keep_task_tags();
insert into task_tags select distinct workspace, tag, state, id from tasks, unnest(tags) tag where tags is not null;
