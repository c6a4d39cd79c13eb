//go:build !race

package route

import (
	"testing"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/pay"
)

// about is a lesson about channel 1 from node 1 to node 3.
func about(kind pay.LessonKind, amt msat, permanent bool) pay.Lesson {
	return pay.Lesson{Kind: kind, From: nodeID(1), To: nodeID(3), SCID: 1, Amount: amt, Permanent: permanent}
}

func TestOtherPaymentsLearnFromAFailure(t *testing.T) {
	const direct, around = 1, 2
	type lesson struct {
		pay.Lesson
		at uint64
	}
	back := about(pay.ChannelFailed, 1, false)
	back.From, back.To = back.To, back.From
	for name, c := range map[string]struct {
		lessons []lesson
		at      uint64
		want    wire.ShortChannelID // the first after our own
	}{
		"nothing was learnt":               {nil, 100, direct},
		"it did not carry as much":         {[]lesson{{about(pay.ChannelFailed, 1_000_000, false), 100}}, 100, around},
		"it did not carry more":            {[]lesson{{about(pay.ChannelFailed, 1_000_001, false), 100}}, 100, direct},
		"an hour has passed":               {[]lesson{{about(pay.ChannelFailed, 1, false), 100}}, 3700, direct},
		"an hour has not passed":           {[]lesson{{about(pay.ChannelFailed, 1, false), 100}}, 3699, around},
		"it is closed, whatever it failed": {[]lesson{{about(pay.ChannelFailed, 1<<50, true), 100}}, 100, around},
		"it carried as much later": {[]lesson{
			{about(pay.ChannelFailed, 500_000, false), 100}, {about(pay.Carried, 500_000, false), 101},
		}, 102, direct},
		"it carried less later": {[]lesson{
			{about(pay.ChannelFailed, 500_000, false), 100}, {about(pay.Carried, 499_999, false), 101},
		}, 102, around},
		"a failure with more is no good news": {[]lesson{
			{about(pay.ChannelFailed, 500_000, false), 100}, {about(pay.ChannelFailed, 5_000_000, false), 101},
		}, 102, around},
		"unless the first one is forgotten": {[]lesson{
			{about(pay.ChannelFailed, 500_000, false), 100}, {about(pay.ChannelFailed, 5_000_000, false), 3700},
		}, 3701, direct},
		"the other direction failed": {[]lesson{{back, 100}}, 100, direct},
		"a node had a bad moment":    {[]lesson{{pay.Lesson{Kind: pay.NodeFailed, From: nodeID(2)}, 100}}, 100, direct},
	} {
		w := worldOf(3, line(1, 3, 1, 10), line(1, 2, 2, 500), line(2, 3, 3, 500))
		w.query.Memory, w.query.Now = &Memory{}, c.at
		for _, l := range c.lessons {
			w.query.Memory.Learn(l.Lesson, l.at)
		}
		t.Run(name, func(t *testing.T) {
			if c.want == direct {
				w.goes(t, 1)
			} else {
				w.goes(t, 2, 3)
			}
		})
	}
}

func TestANodeThatIsGoneIsPassedByForAnHour(t *testing.T) {
	for name, c := range map[string]struct {
		permanent bool
		at        uint64
		want      []wire.ShortChannelID
	}{
		"temporary":      {false, 101, []wire.ShortChannelID{1, 2}},
		"permanent":      {true, 101, []wire.ShortChannelID{3}},
		"an hour before": {true, 3700, []wire.ShortChannelID{1, 2}},
	} {
		w := worldOf(3, line(1, 2, 1, 10), line(2, 3, 2, 10), line(1, 3, 3, 5000))
		w.query.Memory, w.query.Now = &Memory{}, c.at
		w.query.Memory.Learn(pay.Lesson{Kind: pay.NodeFailed, From: nodeID(2), Permanent: c.permanent}, 100)
		t.Run(name, func(t *testing.T) { w.goes(t, c.want...) })
	}
}

func TestADoubtfulWayIsBetterThanNone(t *testing.T) {
	w := worldOf(3, line(1, 3, 1, 10))
	w.query.Memory, w.query.Now = &Memory{}, 101
	w.query.Memory.Learn(about(pay.ChannelFailed, 1, false), 100)
	routes, err := Find(w.graph(t), w.query)
	if err != nil || len(routes) != 1 {
		t.Errorf("%v, %v", routes, err)
	}
	w.lanes[0].disabled = true
	if _, err := Find(w.graph(t), w.query); code(t, err) != pay.CodeRouteNotFound {
		t.Error(err)
	}
}

func TestMemoryForgetsWhatNoLongerCounts(t *testing.T) {
	var m Memory
	if m.Any() || len(m.Limits(0)) != 0 {
		t.Error("it knows something")
	}
	m.Learn(about(pay.ChannelFailed, 5, false), 100)
	m.Learn(pay.Lesson{Kind: pay.NodeFailed, From: nodeID(2), Permanent: true}, 100)
	if got := m.Limits(101); !m.Any() || len(got) != 2 {
		t.Errorf("%+v", got)
	}
	if got := m.Limits(3700); m.Any() || len(got) != 0 {
		t.Errorf("%+v", got)
	}
}
