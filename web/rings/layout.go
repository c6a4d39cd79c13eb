package rings

import "math"

// Size is half of the width of a picture, in its units.
const Size = 30_000

// Layout is where the nodes are.
type Layout struct {
	Hops   []int32   // from the centre; -1: there is no way
	Parent []int32   // the neighbour that is one hop nearer; -1: none
	X, Y   []int32   // from -Size to Size
	Order  []int32   // the nodes to which there is a way, the nearest first
	Outer  []float64 // of each ring, its radius
}

// Around lays out n nodes around one of them; edges are pairs of nodes.
func Around(n, centre int, edges [][2]int32) Layout {
	l := Layout{Hops: make([]int32, n), Parent: make([]int32, n), X: make([]int32, n), Y: make([]int32, n)}
	for i := range n {
		l.Hops[i], l.Parent[i] = -1, -1
	}
	if centre < 0 || centre >= n {
		return l
	}
	l.walk(int32(centre), neighbours(n, edges)) //nolint:gosec // an index
	l.place()
	return l
}

// adjacency is each node's neighbours: those of i are to[from[i]:from[i+1]].
type adjacency struct{ from, to []int32 }

func neighbours(n int, edges [][2]int32) adjacency {
	a := adjacency{make([]int32, n+2), make([]int32, 2*len(edges))}
	for _, e := range edges {
		a.from[e[0]+2]++
		a.from[e[1]+2]++
	}
	for i := 2; i < len(a.from); i++ {
		a.from[i] += a.from[i-1]
	}
	for _, e := range edges {
		for side := range e {
			at := &a.from[e[side]+1]
			a.to[*at] = e[1-side]
			*at++
		}
	}
	return a
}

// walk finds the distances, in the order of them.
func (l *Layout) walk(centre int32, a adjacency) {
	l.Hops[centre] = 0
	l.Order = append(l.Order, centre)
	for next := 0; next < len(l.Order); next++ {
		i := l.Order[next]
		for _, j := range a.to[a.from[i]:a.from[i+1]] {
			if l.Hops[j] < 0 {
				l.Hops[j], l.Parent[j] = l.Hops[i]+1, i
				l.Order = append(l.Order, j)
			}
		}
	}
}

// place gives each node a part of its parent's sector, as large as what is behind it,
// and each ring a width by the number of its nodes.
func (l *Layout) place() {
	behind := make([]float64, len(l.Hops))
	for k := len(l.Order) - 1; k >= 0; k-- {
		i := l.Order[k]
		behind[i]++
		if p := l.Parent[i]; p >= 0 {
			behind[p] += behind[i]
		}
	}
	var in []float64 // each ring
	for _, i := range l.Order {
		if int(l.Hops[i]) == len(in) {
			in = append(in, 0)
		}
		in[l.Hops[i]]++
	}
	inner := make([]float64, len(in))
	l.Outer = make([]float64, len(in))
	for h := 1; h < len(in); h++ {
		inner[h] = l.Outer[h-1] + 1
		l.Outer[h] = inner[h] + math.Sqrt(in[h])/8
	}
	scale := Size / max(l.Outer[len(in)-1], 1)
	begin, used := make([]float64, len(l.Hops)), make([]float64, len(l.Hops)) // angles, in turns
	turns := make([]float64, len(l.Hops))
	for k, i := range l.Order {
		p := l.Parent[i]
		if p < 0 {
			turns[i] = 1
			continue
		}
		turns[i] = turns[p] * behind[i] / (behind[p] - 1)
		begin[i] = begin[p] + used[p]
		used[p] += turns[i]
		angle := 2 * math.Pi * (begin[i] + turns[i]/2)
		h := l.Hops[i]
		_, spread := math.Modf(float64(k) * math.Phi) // evenly over the width of the ring
		radius := scale * (inner[h] + spread*(l.Outer[h]-inner[h]))
		l.X[i], l.Y[i] = int32(radius*math.Cos(angle)), int32(radius*math.Sin(angle))
	}
	for h := range l.Outer {
		l.Outer[h] *= scale
	}
}
