-- name: PutAnnouncement :exec
INSERT INTO announcements (scid, capacity_sat, raw) VALUES (?, ?, ?)
ON CONFLICT (scid) DO UPDATE SET capacity_sat = excluded.capacity_sat, raw = excluded.raw;

-- name: DeleteAnnouncement :exec
DELETE FROM announcements WHERE scid = ?;

-- name: DeleteUpdates :exec
DELETE FROM updates WHERE scid = ?;

-- name: Announcements :many
SELECT * FROM announcements ORDER BY scid;

-- name: ChannelGossip :many
SELECT 2 AS place, raw FROM announcements WHERE announcements.scid = sqlc.arg(scid)
UNION ALL
SELECT direction AS place, raw FROM updates WHERE updates.scid = sqlc.arg(scid);

-- name: PutUpdate :exec
INSERT INTO updates (scid, direction, raw) VALUES (?, ?, ?)
ON CONFLICT (scid, direction) DO UPDATE SET raw = excluded.raw;

-- name: Updates :many
SELECT * FROM updates ORDER BY scid, direction;

-- name: PutNode :exec
INSERT INTO nodes (id, raw) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET raw = excluded.raw;

-- name: NodeGossip :one
SELECT raw FROM nodes WHERE id = ?;

-- name: DeleteNode :exec
DELETE FROM nodes WHERE id = ?;

-- name: Nodes :many
SELECT * FROM nodes;

-- name: PutPeer :exec
INSERT INTO peers (id, address) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET address = excluded.address;

-- name: DeletePeer :exec
DELETE FROM peers WHERE id = ?;

-- name: PeerAddress :one
SELECT address FROM peers WHERE id = ?;
