package office

import (
	"encoding/json"
	"net/http"
	"regexp"
)

// labelled is what may have a name of its owner's: an address of the wallet, or a
// transaction's id.
var labelled = regexp.MustCompile(`^[0-9A-Za-z]{14,100}$`)

// mostOfLabel is how long a name may be, in bytes.
const mostOfLabel = 200

// labelKey is where the name of something is, in the datastore; of nothing, of all.
func labelKey(of ...string) string {
	b, _ := json.Marshal(append([]string{"labels"}, of...)) // of texts: it never fails
	return string(b)
}

// ReadLabels gives the names of addresses and transactions; none to who may not read them.
func ReadLabels(v Visit, of ...string) map[string]string {
	var found struct {
		Datastore []struct {
			Key    []string
			String string
		}
	}
	names := map[string]string{}
	if err := v.Run(&found, "listdatastore", "key", labelKey(of...)); err != nil {
		return names // as if there were none
	}
	for _, row := range found.Datastore {
		if len(row.Key) == 2 && row.String != "" {
			names[row.Key[1]] = row.String
		}
	}
	return names
}

// pageLabel asks for the name of an address or a transaction.
type pageLabel struct {
	Of, Name    string
	Wrong       *Fault
	Transaction bool
	Most        int
}

// Label asks for a name, and keeps it; an empty one takes away what there is.
func Label(v Visit) error {
	page := pageLabel{Of: v.Request().FormValue("of"), Most: mostOfLabel}
	if !labelled.MatchString(page.Of) {
		return ErrNotFound
	}
	page.Transaction = len(page.Of) == 64
	was := ReadLabels(v, page.Of)[page.Of]
	if v.Request().Method != http.MethodPost {
		page.Name = was
		return v.Show(200, "label", page)
	}
	var err error
	switch page.Name = v.Field("name"); {
	case len(page.Name) > mostOfLabel:
		page.Wrong = Say(v.Text("name.long"))
		return v.Show(422, "label", page)
	case page.Name != "":
		err = v.Run(nil, "datastore", "key", labelKey(page.Of), "string", page.Name, "mode", "create-or-replace")
	case was != "":
		err = v.Run(nil, "deldatastore", "key", labelKey(page.Of))
	}
	if err != nil {
		page.Wrong = Reason(err)
		return v.Show(422, "label", page)
	}
	return v.See("/onchain")
}
