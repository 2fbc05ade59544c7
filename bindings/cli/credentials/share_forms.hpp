// share_forms.hpp: finding out what a file with a share contains.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strongroom_cli {

// SharePart is one share or key in a text, which it borrows.
struct SharePart {
  std::string_view text;
  bool encrypted = false;  // it is an OpenPGP message
  std::size_t line = 0;    // from 1; 0 where it is all of the text
};

// share_parts takes a text apart: one share or key on each line in clear, or OpenPGP messages: one, binary,
// armored, or in base64 or hex; or several in hex, one on each line, perhaps after its fingerprint, as
// 'slots --wrapped' prints them. What a mail has around an armored message, CRLF, blank lines and lines that
// begin with '#' do not matter. Anything else is returned as it is, for the engine to refuse.
//
// from    names the text in messages: "'alice.share'".
// Throws  Failure: it is an OpenPGP key.
std::vector<SharePart> share_parts(std::string_view text, const std::string& from);

// refuse_private_key throws Failure for an armored private key where a public one belongs.
void refuse_private_key(std::string_view text, const std::string& from);

}  // namespace strongroom_cli
