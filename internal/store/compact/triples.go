package compact

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// mostTriples are enough to find few.
const mostTriples = 64

// Triples are the letters of a text by threes, as the index has them, each quoted; nil:
// it has too few, or one that the index cannot have.
func Triples(text string) (words []string) {
	letters := []rune(text)
	if len(letters) < 3 || strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
		return nil
	}
	for i := 0; i+3 <= len(letters) && len(words) < mostTriples; i++ {
		word := `"` + strings.ReplaceAll(string(letters[i:i+3]), `"`, `""`) + `"`
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return words
}
