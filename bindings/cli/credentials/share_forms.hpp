// share_forms.hpp: telling what a file with a share holds, by its looks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strongroom_cli {

// SharePart is one share or key of a text, borrowed of it.
struct SharePart {
  std::string_view text;
  bool encrypted = false;  // it is an OpenPGP message
  std::size_t line = 0;    // from 1; 0 where it is all of the text
};

// share_parts takes a text apart: a share or key a line in clear, or OpenPGP messages: one, binary,
// armored, or in base64 or hex; or several in hex, one a line, perhaps behind its fingerprint, as
// 'slots --wrapped' prints them. A byte order mark, CRLF, blank lines and lines that begin with '#' do not
// matter. What is neither is given as it is, for the engine to refuse.
//
// from    names the text in messages: "'alice.share'".
// Throws  Failure: it is an OpenPGP key.
std::vector<SharePart> share_parts(std::string_view text, const std::string& from);

// refuse_private_key throws Failure for an armored private key where a public one belongs.
void refuse_private_key(std::string_view text, const std::string& from);

}  // namespace strongroom_cli
