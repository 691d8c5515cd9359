// Says what Kyverno's own code makes of patterns and names: one question in JSON per line, one answer per line.
//
// The module also pins the `kyverno` command that the tests run.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"regexp"

	"github.com/gobwas/glob"
	"github.com/kyverno/kyverno/ext/wildcard"
	"github.com/kyverno/kyverno/pkg/config"
	"github.com/kyverno/kyverno/pkg/utils/image"
)

type question struct {
	Dialect string `json:"dialect"`
	Pattern string `json:"pattern"`
	Text    string `json:"text"`
}

// answer is a verdict, a name, or an error: what is not asked for stays empty.
type answer struct {
	Matches bool   `json:"matches"`
	Name    string `json:"name"`
	Error   string `json:"error"`
}

func ask(asked question) (said answer) {
	defer func() {
		if problem := recover(); problem != nil {
			said = answer{Error: fmt.Sprint(problem)} // gobwas/glob panics at some globs
		}
	}()
	switch asked.Dialect {
	case "wildcard":
		return answer{Matches: wildcard.Match(asked.Pattern, asked.Text)}
	case "gobwas":
		compiled, err := glob.Compile(asked.Pattern)
		if err != nil {
			return answer{Error: err.Error()}
		}
		return answer{Matches: compiled.Match(asked.Text)}
	case "regexp":
		compiled, err := regexp.Compile(asked.Pattern)
		if err != nil {
			return answer{Error: err.Error()}
		}
		return answer{Matches: compiled.MatchString(asked.Text)}
	case "name":
		info, err := image.GetImageInfo(asked.Text, config.NewDefaultConfiguration(false))
		if err != nil {
			return answer{Error: err.Error()}
		}
		return answer{Name: info.String()}
	default:
		return answer{Error: "unknown dialect " + asked.Dialect}
	}
}

func main() {
	questions := bufio.NewScanner(os.Stdin)
	questions.Buffer(nil, 1<<20)
	answers := json.NewEncoder(os.Stdout)
	for questions.Scan() {
		var asked question
		if err := json.Unmarshal(questions.Bytes(), &asked); err != nil {
			log.Fatal(err)
		}
		if err := answers.Encode(ask(asked)); err != nil {
			log.Fatal(err)
		}
	}
	if err := questions.Err(); err != nil {
		log.Fatal(err)
	}
}
