-- +goose Up

-- What programs store beside the node. Keys are paths, in a form whose order is that
-- of the paths.
CREATE TABLE datastore (
    key        BLOB PRIMARY KEY,
    generation INTEGER NOT NULL,
    value      BLOB NOT NULL
) WITHOUT ROWID;
