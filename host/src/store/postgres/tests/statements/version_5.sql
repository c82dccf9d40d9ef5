-- audit.rs LOCK
select from cluster for update;
-- audit.rs ERASING
select workspace from erasing where workspace = any($1);
-- audit.rs LAST
select max(id), (extract(epoch from clock_timestamp()) * 1000)::int8 from audit;
-- audit.rs PUT
insert into audit (id, workspace, is_done, entry) select * from unnest($1::int8[], $2::text[], $3::bool[], $4::bytea[]);
-- audit.rs TRIM
delete from audit where workspace = $1 and is_done = $2 and id <= (select id from audit where workspace = $1 and is_done = $2 order by id desc offset $3 limit 1);
-- audit.rs PAGE
select id, entry from audit a where id >= $1 and id < $2 and not exists (select from erasing e where e.workspace = a.workspace) order by id desc limit $3;
-- audit.rs EXPIRE
delete from audit where id < $1;
-- bodies.rs PUT
insert into bodies (workspace, task, digest, body) select $1, $2, $3, $4 where not exists (select from erasing e where e.workspace = $1) on conflict do nothing;
-- bodies.rs GET
select body from bodies where workspace = $1 and task = $2 and digest = $3 and not exists (select from erasing e where e.workspace = $1);
-- cluster.rs NODES
select n.id, n.url, n.version, (extract(epoch from n.started) * 1000)::int8, (extract(epoch from n.lease_until - clock_timestamp()) * 1000)::int8, n.draining, n.running, n.queued, n.revision, (select count(*) from partitions p where p.owner = n.id), n.clock_ms from nodes n where n.id <> $1 and n.lease_until > clock_timestamp() - interval '1 hour' order by n.id;
-- cluster.rs OTHERS
select count(*) from nodes where id <> $1 and not draining and lease_until > clock_timestamp();
-- cluster.rs DRAIN
update nodes set draining = $2 where id = $1 and lease_until > clock_timestamp() returning id;
-- cluster.rs APPLY
update nodes set revision = greatest(revision, $2) where id = $1;
-- cluster.rs BEHIND
select id from nodes where id <> $1 and id <> $4 and revision < $2 and lease_until > clock_timestamp() + $3 * interval '1 ms' limit 1;
-- deliveries.rs ERASING
select from erasing where workspace = $1;
-- deliveries.rs PUT
insert into deliveries (workspace, webhook, id, at, delivery) select $1, * from unnest($2::text[], $3::uuid[], $4::int8[], $5::bytea[]) where not exists (select from erasing e where e.workspace = $1) on conflict do nothing;
-- deliveries.rs TRIM
delete from deliveries where workspace = $1 and webhook = $2 and id < (select id from deliveries where workspace = $1 and webhook = $2 order by id desc offset $3 limit 1);
-- deliveries.rs FIND
select delivery from (select *, row_number() over (partition by webhook order by id desc) as place from deliveries where workspace = $1 and (webhook = $3 or $3 is null)) newest where place <= $2 and id < $4 and at >= $5 and not exists (select from erasing e where e.workspace = $1) order by id desc;
-- deliveries.rs EXPIRE
delete from deliveries where at < $1;
-- erase.rs ERASING
select workspace from erasing order by workspace limit 1;
-- erase.rs WAIT
select from partitions order by id for no key update;
-- erase.rs DONE
delete from erasing where workspace = $1;
-- former.rs GONE
delete from nodes where id = $1 and (extract(epoch from started) * 1000000)::int8 = $2;
-- former.rs ENDED
with gone as (delete from nodes where id = $1 and (extract(epoch from started) * 1000000)::int8 = $2 returning id), own as (delete from lasting where node in (select id from gone) returning task) update interrupted i set times = times - 1 where task = any($3) and times > 0 and exists (select from gone) and not exists (select from own where own.task = i.task);
-- hints.rs SEND
select pg_notify($1, said) from unnest($2::text[]) said;
-- inbox.rs ASK
insert into inbox (id, partition, request) values ($1, $2, $3) on conflict do nothing;
-- inbox.rs ANSWERS
select id, head, refusal from inbox where id = any($1) and answered is not null and refusal is distinct from '';
-- inbox.rs DONE_WITH
delete from inbox where id = any($1) and answered is not null;
-- inbox.rs WITHDRAW
insert into inbox as i (id, partition, request, answered, refusal) values ($1, 0, '', clock_timestamp(), '') on conflict (id) do update set answered = excluded.answered, refusal = excluded.refusal where i.answered is null;
-- inbox.rs REQUESTS
select id, request from (select id, request, seq, sum(octet_length(request)) over (order by seq) - octet_length(request) as before from (select id, request, seq from inbox where answered is null and partition = any($1) and not (id = any($2)) order by seq limit $3) picked) summed where before < $4 order by seq;
-- inbox.rs REFUSE
update inbox set answered = clock_timestamp(), refusal = $2 where id = $1 and answered is null;
-- inbox.rs ANSWER
update inbox set answered = clock_timestamp(), head = $2 where id = $1 and answered is null;
-- inbox.rs EXPIRE
delete from inbox where answered < clock_timestamp() - interval '10 minutes';
-- interrupted.rs NOTE
with own as (select from nodes where id = $1 and lease_until > clock_timestamp() for share), gone as (delete from lasting where node = $1 and not (task = any($2)) and exists (select from own)), put as (insert into lasting (node, task) select $1, t from unnest($2::uuid[]) t where exists (select from own) on conflict do nothing) select exists (select from own);
-- interrupted.rs COUNT
with dead as (delete from lasting l where not exists (select from nodes n where n.id = l.node and n.lease_until > clock_timestamp()) returning l.task) insert into interrupted as i (task, times) select task, 1 from dead group by task on conflict (task) do update set times = i.times + 1, noted = clock_timestamp();
-- interrupted.rs TAKE_BACK
with own as (insert into lasting (node, task) select $1, t from unnest($2::uuid[]) t on conflict do nothing returning task) update interrupted i set times = times - 1 from own where i.task = own.task and times > 0;
-- interrupted.rs FIND
select task, times from interrupted where times > 0 order by noted desc limit $1;
-- interrupted.rs FORGET
delete from interrupted where task = any($1);
-- interrupted.rs EXPIRE
delete from interrupted where times <= 0 or noted < clock_timestamp() - interval '1 day';
-- lists.rs LIST
select head from tasks where workspace = $1 and id < $2 and id >= $4 and not exists (select from erasing e where e.workspace = $1) order by id desc limit $3;
-- lists.rs COUNT_TERMS
select (select count(*) from (select from tasks where workspace = $1 and webhook = $2 order by state, id limit $5) w), (select count(*) from (select from tasks where workspace = $1 and name = $3 order by state, id limit $5) n), (select count(*) from (select from task_tags where workspace = $1 and tag = $4 order by state, id limit $5) t);
-- look.rs LOCK
with locked as materialized (select id, owner, epoch from partitions where id = any($1) order by id for share) select array_agg(id), array_agg(coalesce(owner, 0)), array_agg(epoch), nextval('write_groups'), pg_current_xact_id()::text from locked;
-- look.rs TASKS
select e.workspace is not null, t.version, t.settled, t.journal_bytes, (select coalesce(sum(j.bytes), 0)::int8 from journal j where j.workspace = t.workspace and j.task = t.id and j.seq > t.settled) from unnest($1::text[], $2::uuid[]) with ordinality k (workspace, id, n) left join erasing e on e.workspace = k.workspace left join tasks t on t.workspace = k.workspace and t.id = k.id order by k.n;
-- look.rs KEYS
select k.n, d.task, d.until from unnest($1::text[], $2::uuid[]) with ordinality k (workspace, key, n) join dedup d on d.workspace = k.workspace and d.key = k.key;
-- look.rs REQUESTS
select id from inbox where id = any($1) and answered is null order by id for update;
-- look.rs BORN
select workspace, mark from setup where kind = 1 and workspace = any($1) and name = '' and mark is not null;
-- look.rs STATUS
select pg_xact_status($1::text::xid8);
-- look.rs HEAD
select exists (select from tasks where workspace = $1 and id = $2 and version >= $3 and settled >= $4), $5::int2 is null or exists (select from partitions where id = $5 and owner = $6 and epoch = $7), not exists (select from setup where kind = 1 and workspace = $1 and name = '' and coalesce(mark, 0) <= $8);
-- look.rs ROW
select exists (select from journal where workspace = $1 and task = $2 and seq = $3), exists (select from partitions where id = $4 and owner = $5 and epoch = $6), not exists (select from setup where kind = 1 and workspace = $1 and name = '' and coalesce(mark, 0) <= $7);
-- migration.rs FIRST_KEYS
select key, task, until from dedup where workspace = $1 order by key limit $2;
-- migration.rs NEXT_KEYS
select key, task, until from dedup where workspace = $1 and key > $3 order by key limit $2;
-- migration.rs PUT_KEYS
insert into dedup (workspace, key, task, came, until) select $1, k, t, 0, u from unnest($2::uuid[], $3::uuid[], $4::int8[]) as n (k, t, u);
-- migration.rs PUT_AUDIT
insert into audit (id, workspace, is_done, entry) select * from unnest($1::int8[], $2::text[], $3::bool[], $4::bytea[]);
-- migration.rs WEBHOOKS
select distinct webhook from deliveries where workspace = $1 order by webhook;
-- mod.rs AGREE
update cluster set key_check = case when $2 or key_check is null then $1 else key_check end returning key_check;
-- mod.rs OTHERS
select count(*), count(*) filter (where token_check = $2) from nodes where id <> $1 and token_check is not null and lease_until > clock_timestamp();
-- mod.rs SHARE
update nodes set token_check = $2 where id = $1;
-- moved.rs ENTER
insert into nodes (id, version, lease_until, url, draining) overriding system value values ($1, $2, '9999-12-31', $3, true) on conflict (id) do update set version = excluded.version, url = excluded.url;
-- moved.rs REVISED
update cluster set revision = revision + 1;
-- moved.rs WAIT
select from partitions order by id for update;
-- moved.rs TAKE
update partitions set owner = $1, epoch = epoch + 1;
-- moved.rs PLACE
select coalesce(to_jsonb(n) ->> 'url', '') from nodes n where id = $1;
-- moved.rs IS_TAKEN
select not exists (select from partitions where owner is distinct from $1) and exists (select from nodes where id = $1);
-- moved.rs GIVE_BACK
with gone as (delete from nodes n where id = $1 and ($2::text is null or to_jsonb(n) ->> 'url' = $2) returning coalesce(to_jsonb(n) ->> 'url', '') as url), free as (update partitions set owner = null where owner = $1 and ($2::text is null or exists (select from gone))) select url from gone;
-- nodes.rs ENTER
insert into nodes (version, lease_until, url) select $1, clock_timestamp() + $2 * interval '1 ms', $3 where pg_try_advisory_xact_lock_shared($4) and ($5 or not exists (select from cluster where is_incomplete)) and not exists (select from nodes where id = $6) returning id, (extract(epoch from started) * 1000000)::int8;
-- nodes.rs REFUSAL
select not pg_try_advisory_xact_lock_shared($1), is_incomplete, (select url from nodes where id = $2) from cluster;
-- nodes.rs RENEW
insert into nodes (id, version, lease_until, url, running, queued, revision, draining, started, clock_ms, token_check) overriding system value values ($1, $2, clock_timestamp() + $3 * interval '1 ms', $4, $5, $6, $7, $8, 'epoch'::timestamptz + $10 * interval '1 us', $11, $12) on conflict (id) do update set lease_until = excluded.lease_until, version = excluded.version, url = excluded.url, running = excluded.running, queued = excluded.queued, revision = greatest(nodes.revision, excluded.revision), draining = nodes.draining or excluded.draining, clock_ms = coalesce(excluded.clock_ms, nodes.clock_ms), token_check = excluded.token_check returning draining, (select url from nodes where id = $9), (select n.lease_until <= clock_timestamp() from nodes n where n.id = $1), (extract(epoch from clock_timestamp()) * 1000)::int8;
-- nodes.rs RETAKE
update partitions set epoch = epoch + 1 where owner = $1;
-- nodes.rs LIVE
select count(*) from nodes where not draining and lease_until > clock_timestamp() + $1 * interval '1 ms';
-- nodes.rs TAKE
update partitions set owner = $1, epoch = epoch + 1 where id in (select p.id from partitions p where p.owner is distinct from $3 and (p.owner is null or not exists (select from nodes n where n.id = p.owner and n.lease_until > clock_timestamp())) order by p.id limit $2 for update skip locked);
-- nodes.rs OWNED
select id, epoch from partitions where owner = $1 order by id;
-- nodes.rs LEAVE
update partitions set owner = null where owner = $1 and id = any($2);
-- nodes.rs IS_OVER
select lease_until <= clock_timestamp() from nodes where id = $1;
-- nodes.rs GO
with free as (update partitions set owner = null where owner = $1), over as (delete from lasting where node = $1) delete from nodes where id = $1;
-- nodes.rs FORGET
delete from nodes where lease_until < clock_timestamp() - interval '1 day' and id <> $1;
-- offline.rs LOCK
select pg_try_advisory_lock($1);
-- offline.rs UNLOCK
select pg_advisory_unlock_all();
-- offline.rs LIVING
select string_agg(id::text || coalesce(' at ' || nullif(to_jsonb(n) ->> 'url', ''), ''), ', ' order by id) from nodes n where lease_until > clock_timestamp() and id <> $1;
-- offline.rs INCOMPLETE
select coalesce((to_jsonb(c) ->> 'is_incomplete')::bool, false) from cluster c;
-- offline.rs USED
select exists (select from setup) or exists (select from tasks) or exists (select from erasing) or exists (select from audit) or exists (select from dedup) or exists (select from deliveries) or exists (select from cluster where key_check is not null);
-- offline.rs BEGIN
update cluster set is_incomplete = true, seed = $1, key_check = null, revision = 0, server_revision = 0;
-- offline.rs COMPLETE
update cluster set is_incomplete = false;
-- offline.rs KEY
select key_check from cluster;
-- purge.rs SPACES
select workspace, value from setup where kind = $1 order by workspace desc;
-- purge.rs EXPIRE_KEYS
delete from dedup where (workspace, key) in (select workspace, key from dedup where until <= $1 limit 10000);
-- purge.rs OVER
select id, version, head from tasks where workspace = $1 and state = $2 and id > $3 and id < $4 and rests <= $5 and partition = any($6) order by id limit $7;
-- purge.rs HEADS
select id, head from tasks where workspace = $1 and id = any($2);
-- purge.rs LOCK
select id, owner from partitions where id = any($1) order by id for no key update;
-- purge.rs REMOVE
with gone as (delete from tasks t using unnest($2::uuid[], $3::int8[]) as n (id, version) where t.workspace = $1 and t.id = n.id and t.version = n.version returning t.id), journals as (delete from journal j using gone where j.workspace = $1 and j.task = gone.id), files as (delete from bodies b using gone where b.workspace = $1 and b.task = gone.id) select id from gone;
-- put.rs PUT_KEYS
with put as (insert into dedup as d (workspace, key, task, came, until) select * from unnest($1::text[], $2::uuid[], $3::uuid[], $4::int8[], $5::int8[]) on conflict (workspace, key) do update set task = excluded.task, came = excluded.came, until = excluded.until where d.until <= excluded.came returning 1) select 1 / (count(*) = cardinality($1::text[]))::int from put;
-- put.rs MOVE_TASKS
with put as (update tasks t set version = n.version, state = n.state, due = n.due, rests = n.rests, webhook = n.webhook, name = n.name, tags = string_to_array(n.tags, ',')::int8[], settled = n.settled, journal_bytes = n.journal_bytes, head = n.head, data = coalesce(n.data, t.data) from unnest($1::text[], $2::uuid[], $3::int8[], $4::int8[], $5::int2[], $6::int8[], $7::int8[], $8::int8[], $9::int8[], $10::text[], $11::int8[], $12::int8[], $13::bytea[], $14::text[]) as n (workspace, id, expected, version, state, due, rests, webhook, name, tags, settled, journal_bytes, head, data) where t.workspace = n.workspace and t.id = n.id and t.version = n.expected returning 1) select 1 / (count(*) = cardinality($1::text[]))::int from put;
-- put.rs NEW_TASKS
insert into tasks (workspace, id, partition, version, state, due, rests, webhook, name, tags, settled, journal_bytes, head, data, entries) select workspace, id, partition, version, state, due, rests, webhook, name, string_to_array(tags, ',')::int8[], settled, journal_bytes, head, data, entries from unnest($1::text[], $2::uuid[], $3::int2[], $4::int8[], $5::int2[], $6::int8[], $7::int8[], $8::int8[], $9::int8[], $10::text[], $11::int8[], $12::int8[], $13::bytea[], $14::text[], $15::bytea[]) as n (workspace, id, partition, version, state, due, rests, webhook, name, tags, settled, journal_bytes, head, data, entries) where (select 1 / (count(*) = 0)::int from erasing e where e.workspace = any($16::text[])) = 1 and (select 1 / (count(*) = 0)::int from setup s where s.kind = 1 and s.workspace = any($16::text[]) and s.name = '' and s.mark > $17) = 1;
-- put.rs JOURNAL
insert into journal (workspace, task, seq, bytes, entries) select * from unnest($1::text[], $2::uuid[], $3::int8[], $4::int8[], $5::bytea[]);
-- put.rs ANSWERS
with put as (update inbox i set answered = clock_timestamp(), head = n.head from unnest($1::uuid[], $2::bytea[]) as n (id, head) where i.id = n.id and i.answered is null returning 1) select 1 / (count(*) = cardinality($1::uuid[]))::int from put;
-- queries.rs READY
select id from tasks where workspace = $1 and state = 0 and id > $2 and partition = any($3) and not exists (select from erasing e where e.workspace = $1) order by id limit $4;
-- queries.rs DUE
select due, workspace, id from tasks t where due is not null and due <= $1 and (due, workspace, id) > ($4, $5, $6) and partition = any($2) and not exists (select from erasing e where e.workspace = t.workspace) order by due, workspace, id limit $3;
-- queries.rs COUNT
select wanted.state, (select count(*) from (select from tasks t where t.workspace = $1 and t.state = wanted.state limit $3) found) from unnest($2::int2[]) as wanted (state) where not exists (select from erasing e where e.workspace = $1);
-- registry.rs LOCK
select revision from cluster for update;
-- registry.rs PUT
insert into setup (kind, workspace, name, value) values ($1, $2, $3, $4) on conflict (kind, workspace, name) do update set value = excluded.value, mark = null;
-- registry.rs ADD
insert into setup (kind, workspace, name, value, mark) values ($1, $2, '', $3, $4) on conflict do nothing;
-- registry.rs PUT_WORKSPACE
insert into setup (kind, workspace, name, value, mark) values ($1, $2, '', $3, $4) on conflict (kind, workspace, name) do update set value = excluded.value;
-- registry.rs DELETE
delete from setup where kind = $1 and workspace = $2 and name = $3;
-- registry.rs MARK
update setup set mark = greatest(mark, $4) where kind = $1 and workspace = $2 and name = $3;
-- registry.rs GET
select value from setup where kind = $1 and workspace = $2 and name = $3;
-- registry.rs REVISED
insert into revisions (workspace, revision) select unnest($1::text[]), $2 on conflict (workspace) do update set revision = excluded.revision;
-- registry.rs REVISION
update cluster set revision = $1, server_revision = case when $2 then $1 else server_revision end;
-- registry.rs ERASING
select workspace from erasing where workspace = any($1);
-- registry.rs ERASE
insert into erasing (workspace) values ($1) on conflict do nothing;
-- registry.rs IS_FREE_AGAIN
select from revisions where workspace = $1 and not exists (select from setup where kind = $2 and workspace = $1 and name = '');
-- registry.rs IS_LEFT
select exists (select from tasks where workspace = $1) or exists (select from journal where workspace = $1) or exists (select from bodies where workspace = $1) or exists (select from dedup where workspace = $1) or exists (select from deliveries where workspace = $1);
-- registry.rs DELETE_ALL
delete from setup where workspace = $1;
-- registry.rs COMPONENT
insert into components (digest, component) values ($1, $2) on conflict do nothing;
-- registry.rs HAS_COMPONENT
select from components where digest = $1;
-- registry.rs USES
insert into step_components (workspace, step, digest) select $1, $2, unnest($3::text[]) on conflict do nothing;
-- registry.rs USES_NOT
delete from step_components where workspace = $1 and step = $2;
-- registry.rs USES_NONE
delete from step_components where workspace = $1;
-- registry.rs UNUSED
delete from components c where not exists (select from step_components s where s.digest = c.digest);
-- registry_read.rs REVISION
select revision from cluster;
-- registry_read.rs REVISIONS
select revision, server_revision from cluster;
-- registry_read.rs CHANGED
select workspace from revisions where revision > $1 order by workspace;
-- registry_read.rs ALL
select kind, workspace, name, value, mark from setup order by kind, workspace, name;
-- registry_read.rs SOME
select kind, workspace, name, value, mark from setup where workspace in (select workspace from revisions where revision > $1) or workspace = '' order by kind, workspace, name;
-- registry_read.rs COMPONENT
select component from components where digest = $1;
-- sweep.rs THERE
select k.n from unnest($1::text[], $2::uuid[]) with ordinality k (workspace, id, n) join tasks t on t.workspace = k.workspace and t.id = k.id;
-- sweep.rs NOW
select (extract(epoch from clock_timestamp()) * 1000)::int8;
-- tasks.rs LOAD
select t.head, t.data, t.journal_bytes, array(select j.entries from journal j where j.workspace = t.workspace and j.task = t.id and j.seq > t.settled order by j.seq) from tasks t where t.workspace = $1 and t.id = $2 and not exists (select from erasing e where e.workspace = $1);
-- tasks.rs LOAD_MANY
select n, head, data from (select k.n, t.head, t.data, sum(octet_length(t.data)) over (order by k.n) - octet_length(t.data) as before from unnest($2::uuid[]) with ordinality k (id, n) join tasks t on t.workspace = $1 and t.id = k.id where not exists (select from erasing e where e.workspace = $1)) found where before < $3 order by n;
-- tasks.rs DELIVERED
select task, until from dedup where workspace = $1 and key = $2 and not exists (select from erasing e where e.workspace = $1);
