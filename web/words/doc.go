// Package words is what the pages say, in each language, and how they show and read
// numbers, times and the texts of others:
//
//	w := words.For(choice, r.Header.Get("Accept-Language"))
//	w.Text("pay.confirm", w.Satoshi(amount))
//	w.Ago(time.Now(), unix); seconds, ok := w.ReadTime("90 minutes")
//	words.Plain(description)
//
// A language is one file, NAME.json, with every text by its key. All have the same keys,
// and the same blanks in each text; a test compares them. A text whose key ends in .one is
// for the number 1.
package words
