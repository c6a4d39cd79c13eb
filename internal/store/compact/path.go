package compact

import (
	"bytes"
	"errors"
	"slices"
)

// Bytes of a stored path: each name ends with PathEnd, and those two bytes are escaped
// in names, so that whatever lies under a path begins with it.
const (
	PathEnd    = 0
	pathEscape = 1
)

// Path is the form of a path.
func Path(path []string) []byte {
	b := []byte{} // never nil: that is NULL in SQL
	for _, name := range path {
		for i := range len(name) {
			if name[i] <= pathEscape {
				b = append(b, pathEscape, name[i]+1)
			} else {
				b = append(b, name[i])
			}
		}
		b = append(b, PathEnd)
	}
	return b
}

// ReadPath is the reverse of [Path].
func ReadPath(key []byte) (path []string, err error) {
	for len(key) > 0 {
		end := bytes.IndexByte(key, PathEnd)
		if end < 0 {
			return nil, errPath
		}
		var name []byte
		for i := 0; i < end; i++ {
			if key[i] == pathEscape {
				if i++; i == end || key[i] == 0 {
					return nil, errPath
				}
				name = append(name, key[i]-1)
				continue
			}
			name = append(name, key[i])
		}
		path = append(path, string(name))
		key = key[end+1:]
	}
	return path, nil
}

var errPath = errors.New("the key of a value is damaged")

// Beyond is the first key after all that begin with one.
func Beyond(key []byte) []byte {
	if len(key) == 0 {
		return bytes.Repeat([]byte{0xff}, 8) // names are UTF-8: none has such bytes
	}
	b := slices.Clone(key)
	b[len(b)-1]++
	return b
}
