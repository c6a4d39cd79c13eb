package system

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/store"
	"github.com/leyden-ln/leyden/node"
)

// dataPath is a parameter: a name, or an array of names.
type dataPath []string

// Words implements [command.Worded].
func (dataPath) Words() string { return "a string, or an array of strings" }

// Limits of a path.
const (
	longestPath = 64   // names
	longestName = 1024 // bytes
)

// UnmarshalJSON implements [json.Unmarshaler].
func (p *dataPath) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err == nil {
		*p = dataPath{text}
		if strings.HasPrefix(text, "[") { // a shell gives arrays as strings
			b = []byte(text)
		}
	}
	if len(b) > 0 && b[0] == '[' {
		var names []json.RawMessage
		if err := json.Unmarshal(b, &names); err != nil {
			return err
		}
		*p = nil
		for _, raw := range names {
			var name string
			if err := json.Unmarshal(raw, &name); err != nil {
				var number json.Number
				if json.Unmarshal(raw, &number) != nil {
					return err
				}
				name = number.String()
			}
			*p = append(*p, name)
		}
	} else if *p == nil {
		var number json.Number
		if err := json.Unmarshal(b, &number); err != nil {
			return err
		}
		*p = dataPath{number.String()}
	}
	switch {
	case len(*p) == 0:
		return errors.New("a path has at least one name")
	case len(*p) > longestPath:
		return errors.New("the path is too long")
	case slices.ContainsFunc(*p, func(name string) bool { return len(name) > longestName || !utf8.ValidString(name) }):
		return errors.New("a name is too long, or not UTF-8")
	}
	return nil
}

type dataRow struct {
	Key        []string `json:"key" doc:"the path"`
	Generation *uint64  `json:"generation,omitempty" doc:"how often the value was changed; absent: there are only values under this path"`
	Hex        *string  `json:"hex,omitempty" doc:"the value in hexadecimal"`
	String     *string  `json:"string,omitempty" doc:"the value as text, when it is UTF-8"`
}

func showData(r store.DataRow) dataRow {
	out := dataRow{Key: r.Key}
	if r.Value != nil {
		digits, text := hex.EncodeToString(r.Value), string(r.Value)
		out.Generation, out.Hex = &r.Generation, &digits
		if utf8.ValidString(text) {
			out.String = &text
		}
	}
	return out
}

type dataRequest struct {
	Key        dataPath          `json:"key" doc:"the path: it has either a value or others under it"`
	String     *string           `json:"string" doc:"the value as text"`
	Hex        *command.HexBytes `json:"hex" doc:"the value in hexadecimal"`
	Mode       *string           `json:"mode" doc:"must-create, must-replace, create-or-replace, must-append or create-or-append; must-create when not given"`
	Generation *uint64           `json:"generation" doc:"that the value must have, with must-replace and must-append"`
}

func putData(ctx context.Context, n *node.Node, r dataRequest) (dataRow, error) {
	var value []byte
	switch {
	case (r.String == nil) == (r.Hex == nil):
		return dataRow{}, command.Refuse(command.InvalidParams, "give either string or hex")
	case r.String != nil:
		value = []byte(*r.String)
	default:
		value = *r.Hex
	}
	mode := command.Or(r.Mode, "must-create")
	what, how, _ := strings.Cut(mode, "-")
	if !slices.Contains([]string{"must-create", "must-replace", "create-or-replace", "must-append", "create-or-append"}, mode) {
		return dataRow{}, command.Refuse(command.InvalidParams, "mode: there is no %q", command.Clip([]byte(mode)))
	}
	if r.Generation != nil && (what != "must" || how == "create") {
		return dataRow{}, command.Refuse(command.InvalidParams, "generation goes with must-replace and must-append")
	}
	var row store.DataRow
	err := n.ChangeData(ctx, func(s *store.Store) (durable.Row, error) {
		old, exists, err := s.Data(ctx, r.Key)
		switch {
		case err != nil:
			return nil, err
		case exists && mode == "must-create":
			return nil, command.Refuse(command.DataExists, "the key exists already")
		case !exists && what == "must" && how != "create":
			return nil, command.Refuse(command.DataNotFound, "the key does not exist")
		case r.Generation != nil && old.Generation != *r.Generation:
			return nil, command.Refuse(command.DataWrongGeneration, "the value has generation %d", old.Generation)
		}
		row = store.DataRow{Key: r.Key, Value: value}
		if exists {
			row.Generation = old.Generation + 1
			if strings.HasSuffix(mode, "append") {
				row.Value = append(old.Value, value...)
			}
		} else if err := room(ctx, s, r.Key); err != nil {
			return nil, err
		}
		return row, nil
	})
	if row.Value == nil {
		row.Value = []byte{}
	}
	return showData(row), err
}

// room says whether a new key has its place: nothing under it, and no value above it.
func room(ctx context.Context, s *store.Store, key []string) error {
	under, err := s.DataChildren(ctx, key, 1)
	if err != nil {
		return err
	}
	if len(under) > 0 {
		return command.Refuse(command.DataHasChildren, "there are keys under this one")
	}
	for i := 1; i < len(key); i++ {
		if _, is, err := s.Data(ctx, key[:i]); err != nil {
			return err
		} else if is {
			return command.Refuse(command.DataParentHasValue, "the key %q above this one has a value", key[:i])
		}
	}
	return nil
}

type listDataRequest struct {
	Key *dataPath `json:"key" doc:"the value of this path, or what is right under it; all paths of one name when not given"`
}

type listDataResponse struct {
	Data []dataRow `json:"datastore" doc:"in the order of their keys, 10000 at the most"`
}

func listData(ctx context.Context, n *node.Node, r listDataRequest) (listDataResponse, error) {
	out := listDataResponse{Data: []dataRow{}}
	key := command.Or(r.Key, nil)
	if len(key) > 0 {
		row, ok, err := n.Store().Data(ctx, key)
		if err != nil {
			return out, err
		}
		if ok {
			out.Data = append(out.Data, showData(row))
			return out, nil
		}
	}
	rows, err := n.Store().DataChildren(ctx, key, command.LongestList)
	for _, row := range rows {
		out.Data = append(out.Data, showData(row))
	}
	return out, err
}

type delDataRequest struct {
	Key        dataPath `json:"key" doc:"the path of the value"`
	Generation *uint64  `json:"generation" doc:"that the value must have"`
}

func delData(ctx context.Context, n *node.Node, r delDataRequest) (dataRow, error) {
	var row store.DataRow
	err := n.ChangeData(ctx, func(s *store.Store) (durable.Row, error) {
		old, exists, err := s.Data(ctx, r.Key)
		switch {
		case err != nil:
			return nil, err
		case !exists:
			return nil, command.Refuse(command.DataDelNotFound, "the key does not exist")
		case r.Generation != nil && old.Generation != *r.Generation:
			return nil, command.Refuse(command.DataDelGeneration, "the value has generation %d", old.Generation)
		}
		row = old
		return store.DataDeletedRow{Key: r.Key}, nil
	})
	return showData(row), err
}

var dataCommands = []command.Command{
	command.Define(command.Spec{
		Name: "datastore", Group: "node", Short: "store a value beside the node",
		Long: "Stores a value under a path, for programs that work with the node. It is on disk when the answer comes.",
		Errors: []command.Code{
			command.DataExists, command.DataNotFound, command.DataWrongGeneration, command.DataHasChildren, command.DataParentHasValue, command.Failed,
		},
		Examples: []string{"datastore greeting hello", `datastore -k key='["shop","last order"]' string=7 mode=create-or-replace`},
	}, putData),
	command.Define(command.Spec{
		Name: "listdatastore", Group: "node", Short: "read stored values",
		Long: "Shows the value of a path, or the values and paths right under it.", Errors: []command.Code{command.Failed},
		Examples: []string{"listdatastore", "listdatastore greeting"},
	}, listData),
	command.Define(command.Spec{
		Name: "deldatastore", Group: "node", Short: "delete a stored value",
		Long: "Deletes the value of a path, and shows what it was.", Errors: []command.Code{command.DataDelNotFound, command.DataDelGeneration, command.Failed},
		Examples: []string{"deldatastore greeting"},
	}, delData),
}
