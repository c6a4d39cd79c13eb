package office

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/leyden-ln/leyden/web/channels"
)

// backupKey is where the pages remember what was backed up from them.
const backupKey = `["pages","backup"]`

// Backups is what was backed up from the pages, and when, in unix seconds; 0: never.
type Backups struct {
	ChannelsAt uint64   `json:"channels_at,omitempty"`
	Channels   []string `json:"channels,omitempty"` // the ids of those that the static backup has
	CopyAt     uint64   `json:"copy_at,omitempty"`
	Copy       string   `json:"copy,omitempty"` // the file
}

// Lacks is how many channels were opened since.
func (b *Backups) Lacks(rows []channels.Row) (n int) {
	for i := range rows {
		if c := &rows[i]; c.State != "ONCHAIN" && !slices.Contains(b.Channels, c.ID) {
			n++
		}
	}
	return n
}

// ReadBackups gives what is remembered; nothing when that cannot be read.
func ReadBackups(v Visit) (b Backups) {
	var found struct {
		Datastore []struct {
			Value string `json:"string"`
		}
	}
	if err := v.Run(&found, "listdatastore", "key", backupKey); err == nil && len(found.Datastore) == 1 {
		_ = json.Unmarshal([]byte(found.Datastore[0].Value), &b) // else as if there were none
	}
	return b
}

// remember changes what is remembered.
func remember(v Visit, change func(*Backups)) error {
	b := ReadBackups(v)
	change(&b)
	raw, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return v.Run(nil, "datastore", "key", backupKey, "string", string(raw), "mode", "create-or-replace")
}

func channelsOf(v Visit) ([]channels.Row, error) {
	var out struct{ Channels []channels.Row }
	err := v.Run(&out, "listpeerchannels")
	return out.Channels, err
}

func now() uint64 { return uint64(max(time.Now().Unix(), 0)) } //nolint:gosec // not negative

// Backup copies the database to a file of the node's machine.
func Backup(v Visit) error {
	page := pageSettings{File: v.Field("file")}
	var made struct{ Bytes uint64 }
	err := v.Run(&made, "backup", "file", page.File)
	if err == nil {
		err = remember(v, func(b *Backups) { b.CopyAt, b.Copy = now(), page.File })
	}
	if err != nil {
		page.Wrong = Reason(err)
		return showSettings(v, 422, page)
	}
	page.Bytes = made.Bytes
	return showSettings(v, 200, page)
}

// ChannelsFile is the static backup of the channels, as a file.
func ChannelsFile(v Visit) error {
	rows, err := channelsOf(v) // first: what is opened meanwhile counts as missing
	if err != nil {
		return err
	}
	var r json.RawMessage
	if err := v.Run(&r, "staticbackup"); err != nil {
		return err
	}
	err = remember(v, func(b *Backups) {
		b.ChannelsAt, b.Channels = now(), nil
		for i := range rows {
			b.Channels = append(b.Channels, rows[i].ID)
		}
	})
	if err != nil {
		return err
	}
	return v.File("channels-"+v.Self()[:16]+".json", r)
}
