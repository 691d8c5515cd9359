// Says what policy-controller's own code makes of globs and names: one question in JSON per line, one answer per line.
//
// The module also pins the `tester` command that the tests run.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/sigstore/policy-controller/pkg/apis/glob"
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

func ask(asked question) answer {
	switch asked.Dialect {
	case "glob":
		compiled, err := glob.Compile(asked.Pattern)
		if err != nil {
			return answer{Error: err.Error()}
		}
		return answer{Matches: compiled.MatchString(asked.Text)}
	case "match":
		matched, err := glob.Match(asked.Pattern, asked.Text)
		if err != nil {
			return answer{Error: err.Error()}
		}
		return answer{Matches: matched}
	case "name":
		reference, err := name.ParseReference(asked.Text)
		if err != nil {
			return answer{Error: err.Error()}
		}
		return answer{Name: reference.Name()}
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
