// The commands that are named in the arguments, through go-qemu; reports by the testee protocol.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/digitalocean/go-qemu/qmp"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	time.AfterFunc(10*time.Second, func() { check(fmt.Errorf("timed out")) })
	monitor, err := qmp.NewSocketMonitor("unix", os.Getenv("QMPCONF_SOCKET"), 2*time.Second)
	check(err)
	check(monitor.Connect())
	for _, name := range os.Args[1:] {
		command, _ := json.Marshal(qmp.Command{Execute: name})
		report := map[string]interface{}{}
		if response, err := monitor.Run(command); err != nil {
			report["failed"] = err.Error()
		} else {
			check(json.Unmarshal(response, &report))
		}
		report["command"] = name
		line, _ := json.Marshal(report)
		fmt.Println(string(line))
	}
}
