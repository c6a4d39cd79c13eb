package words

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed *.json
var files embed.FS

// Words is a language.
type Words struct {
	Lang string // as BCP 47 has it, such as "en"
	Name string // as those call it who speak it
	Dir  string // in which it is written: ltr or rtl

	texts map[string]string
}

// languages are all of them; the first is for who asks for none that there is.
var languages = sync.OnceValue(func() (all []*Words) {
	for _, lang := range []string{"en", "de"} {
		b, err := files.ReadFile(lang + ".json")
		w := &Words{Lang: lang, texts: map[string]string{}}
		if err == nil {
			err = json.Unmarshal(b, &w.texts)
		}
		if err != nil {
			panic(err) // the file is in the binary
		}
		w.Name, w.Dir = w.Text("lang.name"), w.Text("lang.dir")
		all = append(all, w)
	}
	return all
})

// Languages are all there are.
func Languages() []*Words { return languages() }

// For is the language that somebody has chosen, or else the one that the browser likes
// best of those there are, by its Accept-Language (RFC 9110, 12.5.4).
func For(choice, accepted string) *Words {
	if w := find(choice); w != nil {
		return w
	}
	best, most := languages()[0], 0.0
	for i, part := range strings.SplitN(accepted, ",", 32) {
		name, weight, _ := strings.Cut(part, ";")
		q := 1.0
		if value, ok := strings.CutPrefix(strings.TrimSpace(weight), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(value, 64); err != nil {
				continue
			}
		}
		base, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(name)), "-")
		if w := find(base); w != nil && i < 31 && q > most && q <= 1 {
			best, most = w, q
		}
	}
	return best
}

func find(lang string) *Words {
	if i := slices.IndexFunc(languages(), func(w *Words) bool { return w.Lang == lang }); i >= 0 {
		return languages()[i]
	}
	return nil
}

// Text is a text with its blanks filled in: the one for the number 1 when that fills the
// first of them. It panics when there is none of the key: any test of the page finds it.
func (w *Words) Text(key string, args ...any) string {
	s, ok := w.texts[key]
	if !ok {
		panic("words: no text " + key)
	}
	if len(args) == 0 {
		return s
	}
	if one, ok := w.texts[key+".one"]; ok && fmt.Sprint(args[0]) == "1" {
		s = one
	}
	return fmt.Sprintf(s, args...)
}

// Or is the text of a key, or what stands for it where there is none.
func (w *Words) Or(key, instead string) string {
	if s, ok := w.texts[key]; ok {
		return s
	}
	return instead
}

// Status is a status as the pages name it.
func (w *Words) Status(status string) string { return w.Or("status."+status, status) }

// Keys are the keys of all texts.
func (w *Words) Keys() (keys []string) {
	for key := range w.texts {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
