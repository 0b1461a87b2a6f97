package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// library is one that is measured. ours is the first of libraries: what the others are compared with.
type library int

const (
	ours library = iota
	python
	java
	libraryCount
)

func (l library) String() string { return [libraryCount]string{"Go", "Python", "Java"}[l] }

// process is a library at work.
type process struct {
	library
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

type processes []*process

// startAll returns what it has started even if it fails.
func startAll(ctx context.Context, interpreter, built, scripts, profile string, environment ...string) (processes, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	jars := filepath.Join(built, "classes") + string(os.PathListSeparator) + filepath.Join(built, "dependency", "*")
	var all processes
	for l, arguments := range [libraryCount][]string{
		ours:   {self, "-peer", "-cpuprofile", profile},
		python: {interpreter, filepath.Join(scripts, "peer.py")},
		java: {
			"java",
			// Of the collectors that the JVM has, the one for throughput; memory is no limit to it.
			"-XX:+UseParallelGC", "-Xms1g", "-Xmx1g",
			"-Daws.java.v1.disableDeprecationAnnouncement=true",
			"-Dorg.apache.commons.logging.Log=org.apache.commons.logging.impl.NoOpLog",
			"-cp", jars, "org.ddbec.interop.Peer",
		},
	} {
		p, err := start(ctx, library(l), arguments, environment)
		if err != nil {
			return all, err
		}
		all = append(all, p)
	}
	return all, nil
}

func start(ctx context.Context, l library, arguments, environment []string) (*process, error) {
	command := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
	command.Env = append(command.Environ(), environment...)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	return &process{l, command, in, bufio.NewReader(out)}, nil
}

// close ends the input of each, which ends it.
func (all processes) close() (err error) {
	for _, p := range all {
		if e := errors.Join(p.in.Close(), p.command.Wait()); e != nil {
			err = errors.Join(err, fmt.Errorf("the end of %s: %w", p.library, e))
		}
	}
	return err
}

func (p *process) ask(r request) (answer, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return answer{}, err
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return answer{}, fmt.Errorf("%s: %w", p.library, err)
	}
	line, err = p.out.ReadBytes('\n')
	if err != nil {
		return answer{}, fmt.Errorf("%s has ended: %w", p.library, err)
	}
	var a answer
	if err := json.Unmarshal(line, &a); err != nil {
		return answer{}, fmt.Errorf("%s: %w", p.library, err)
	}
	if a.Error != "" {
		return answer{}, fmt.Errorf("%s: %s: %s: %s", p.library, r.Op, a.Error, a.Message)
	}
	return a, nil
}
