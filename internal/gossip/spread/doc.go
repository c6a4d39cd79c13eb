// Package spread has what books of gossip share: how much one origin may say, what is not
// looked at again, what is to be passed on to whom, and how fast.
package spread

import "time"

// Fill is what there is of a credit after some time, at a rate of so many a second and
// never more than most.
func Fill(left int, d time.Duration, rate, most int64) int {
	if d <= 0 {
		return left
	}
	return int(min(int64(left)+int64(min(d, time.Minute))*rate/int64(time.Second), most))
}
