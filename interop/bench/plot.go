package main

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"math"
)

// The plot's measures, in pixels.
const (
	plotWidth   = 920
	labelWidth  = 118
	rightMargin = 46
	rowHeight   = 42
	headHeight  = 96
	panelHead   = 34
	panelGap    = 40
)

// panel is one kind of work, with a row for each item.
type panel struct {
	title string
	family
	work work
}

var panels = []panel{
	{"Encrypt one item: static keys, one thread", static, encryptItem},
	{"Decrypt one item: static keys, one thread", static, decryptItem},
	{fmt.Sprintf("Read a page of %d items, per item: Direct KMS with 10 ms a call, one thread", pageSize), slowKMS, readPage},
}

// style has the colours of light paper, and those of a dark screen where the viewer asks for them.
const style = `
    text { font-family: -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; font-size: 13px; fill: #1f2328 }
    .paper { fill: #ffffff }
    .title { font-size: 17px; font-weight: 600 }
    .panel { font-weight: 600 }
    .small { font-size: 11px; fill: #59636e }
    .grid { stroke: #d1d9e0; stroke-width: 1 }
    .range { stroke: #818b98; stroke-width: 1.5 }
    .Go { fill: #0969da } .Python { fill: #bc4c00 } .Java { fill: #1a7f37 }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc }
      .paper { fill: #0d1117 }
      .small { fill: #9198a1 }
      .grid { stroke: #3d444d }
      .range { stroke: #656c76 }
      .Go { fill: #4493f8 } .Python { fill: #f0883e } .Java { fill: #3fb950 }
    }
  `

// scale maps nanoseconds to pixels by their logarithm, from one power of ten to another.
type scale struct{ low, high float64 }

func (s scale) x(ns float64) float64 {
	const width = plotWidth - labelWidth - rightMargin
	return labelWidth + width*(math.Log10(ns)-s.low)/(s.high-s.low)
}

// writeSVG draws the cells of panels that were measured: each library's median, and how many times ours the others take.
func writeSVG(out io.Writer, r report) error {
	var rows bytes.Buffer
	y := float64(headHeight)
	for _, p := range panels {
		var drawn []result
		for _, s := range shapes {
			if c, ok := find(r.results, p.family, s.name, p.work, 1); ok {
				drawn = append(drawn, c)
			}
		}
		if len(drawn) > 0 {
			drawPanel(&rows, p, drawn, y)
			y += panelHead + rowHeight*float64(len(drawn)) + panelGap
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %g" width="%d" height="%g" role="img" aria-labelledby="t d">
  <title id="t">Time per item: this library, Python and Java</title>
  <desc id="d">%s The figures are in benchmarks.csv.</desc>
  <style>%s</style>
  <rect class="paper" width="100%%" height="100%%"/>
  <text class="title" x="20" y="32">Time per item: less is better</text>
`, plotWidth, y, plotWidth, y, html.EscapeString(r.title()), style)
	fmt.Fprintf(&b, "  <text class=\"small\" x=\"20\" y=\"52\">Medians, on a logarithmic scale; ×: how many times as long as this library.</text>\n")
	for i, name := range []string{"this library (Go)", "Python library 3.3.0", "Java library 2.0.3"} {
		x := 20 + 190*float64(i)
		mark(&b, library(i), x+6, 72)
		fmt.Fprintf(&b, "  <text x=\"%g\" y=\"76\">%s</text>\n", x+20, name)
	}
	b.Write(rows.Bytes())
	b.WriteString("</svg>\n")
	_, err := out.Write(b.Bytes())
	return err
}

func drawPanel(b *bytes.Buffer, p panel, rows []result, top float64) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, c := range rows {
		for l := range libraryCount {
			low, high = math.Min(low, c.time(l).median), math.Max(high, c.time(l).median)
		}
	}
	s := scale{math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))}
	bottom := top + panelHead + rowHeight*float64(len(rows))
	fmt.Fprintf(b, "  <text class=\"panel\" x=\"20\" y=\"%g\">%s</text>\n", top+18, html.EscapeString(p.title))
	for power := s.low; power <= s.high; power++ {
		x := s.x(math.Pow(10, power))
		fmt.Fprintf(b, "  <line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%g\" y2=\"%g\"/>\n", x, x, top+panelHead, bottom)
		fmt.Fprintf(b, "  <text class=\"small\" x=\"%.1f\" y=\"%g\" text-anchor=\"middle\">%s</text>\n", x, bottom+15, powerOfTen(int(power)))
	}
	for i, c := range rows {
		y := top + panelHead + rowHeight*(float64(i)+0.5)
		fmt.Fprintf(b, "  <text x=\"%d\" y=\"%g\" text-anchor=\"end\">%s</text>\n", labelWidth-12, y+4, html.EscapeString(c.shape.name))
		drawRow(b, s, c, y)
	}
}

// drawRow puts Python's factor above the line and Java's below it, so that marks near each other can be read.
func drawRow(b *bytes.Buffer, s scale, c result, y float64) {
	low, high := math.Inf(1), math.Inf(-1)
	for l := range libraryCount {
		x := s.x(c.time(l).median)
		low, high = math.Min(low, x), math.Max(high, x)
	}
	fmt.Fprintf(b, "  <line class=\"range\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%g\" y2=\"%g\"/>\n", low, high, y, y)
	for l := libraryCount - 1; l >= ours; l-- { // ours on top
		mark(b, l, s.x(c.time(l).median), y)
	}
	for l, shift := range map[library]float64{python: -9, java: 17} {
		fmt.Fprintf(b, "  <text class=\"small %s\" x=\"%.1f\" y=\"%g\" text-anchor=\"middle\">×%s</text>\n",
			l, s.x(c.time(l).median), y+shift, factor(c.ratio(l)))
	}
}

// mark has a form of its own for each library, so that no reader depends on colours.
func mark(b *bytes.Buffer, l library, x, y float64) {
	switch l {
	case ours:
		fmt.Fprintf(b, "  <circle class=\"Go\" cx=\"%.1f\" cy=\"%g\" r=\"5.5\"/>\n", x, y)
	case python:
		fmt.Fprintf(b, "  <rect class=\"Python\" x=\"%.1f\" y=\"%g\" width=\"10\" height=\"10\"/>\n", x-5, y-5)
	case java:
		fmt.Fprintf(b, "  <path class=\"Java\" d=\"M%.1f %g l6.5 11 h-13 z\"/>\n", x, y-6.5)
	}
}

func powerOfTen(power int) string {
	ns := math.Pow(10, float64(power))
	for _, unit := range []struct {
		name string
		size float64
	}{{"s", 1e9}, {"ms", 1e6}, {"µs", 1e3}} {
		if ns >= unit.size {
			return fmt.Sprintf("%g %s", math.Round(ns/unit.size), unit.name)
		}
	}
	return fmt.Sprintf("%g ns", math.Round(ns))
}
